() => {
  // The page's language, and names for what Gradio leaves unnamed, for screen readers.
  const chinese = navigator.language.toLowerCase().startsWith("zh");
  document.documentElement.lang = chinese ? "zh-CN" : "en";
}
