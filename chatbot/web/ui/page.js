() => {
  // Names for what Gradio leaves unnamed, and the page's language, for screen readers.
  const chinese = navigator.language.toLowerCase().startsWith("zh");
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  const name = (selector, english, translated) =>
    document.querySelectorAll(selector).forEach((element) => {
      const label = chinese ? translated : english;
      if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
      if (element.tagName === "BUTTON" && element.title !== label) element.title = label;
    });
  const improve = () => {
    name("#fd-box textarea", "Your question", "您的问题");
    name("#fd-box .upload-button", "Add a screenshot or file", "添加截图或文件");
    name("#fd-box .microphone-button", "Record your voice", "录音");
    name("#fd-box .submit-button", "Send", "发送");
    name("#fd-box .stop-button", "Stop the answer", "停止回答");
    name("#fd-chat [role=log]", "Conversation", "对话内容");
    name(".sidebar .toggle-button", "Conversations", "对话");
    name("#fd-chat .examples", "Questions to begin with", "可以这样问");
    document.querySelectorAll("#fd-chat .examples[role=list]").forEach((list) => {
      list.setAttribute("role", "group"); // a list may not hold buttons
    });
    document.querySelectorAll("#fd-box .thumbnail-wrapper[role=listitem]").forEach((item) => {
      item.setAttribute("role", "group"); // it stands in no list
    });
  };
  let planned = 0;
  new MutationObserver(() => {
    if (!planned) planned = requestAnimationFrame(() => { planned = 0; improve(); });
  }).observe(document.body, { childList: true, subtree: true });
  improve();
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches(".fd-card")) event.target.scrollIntoView({ block: "nearest" });
  }, true);
}
