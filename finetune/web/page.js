() => {
  // The page's language, and what Gradio and Vega leave unnamed, for screen readers.
  const chinese = navigator.language.toLowerCase().startsWith("zh");
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  const improve = () => {
    document.querySelectorAll(".vega-embed:not([aria-hidden])").forEach((plot) => {
      plot.setAttribute("aria-hidden", "true"); // its figures stand in the table beside it
    });
    document.querySelectorAll(".toast-header[role=button]").forEach((header) => {
      header.removeAttribute("role"); // it holds the button that closes it
      header.removeAttribute("tabindex");
    });
  };
  let planned = 0;
  new MutationObserver(() => {
    if (!planned) planned = requestAnimationFrame(() => { planned = 0; improve(); });
  }).observe(document.body, { childList: true, subtree: true });
  improve();
}
