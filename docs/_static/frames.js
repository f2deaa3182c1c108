// Tells each explorer on this page the page's theme, and gives it the height it asks for.
document.addEventListener("DOMContentLoaded", () => {
  const frames = [...document.querySelectorAll("iframe.explorer")];
  const tell = () => frames.forEach(frame => frame.contentWindow?.postMessage(
    {theme: document.documentElement.dataset.theme}, "*"));
  addEventListener("message", e => {
    const frame = frames.find(each => each.contentWindow === e.source);
    if (!frame || !(e.data?.explorer > 0)) return;
    frame.style.height = Math.min(e.data.explorer + 2, Math.max(innerHeight - 120, 500)) + "px";
  });
  frames.forEach(frame => frame.addEventListener("load", tell));
  new MutationObserver(tell).observe(document.documentElement, {attributes: true});
  tell();
});
