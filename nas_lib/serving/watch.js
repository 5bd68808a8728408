// Puts the new page in the place of the old one where the search has gone on, and leaves the reader
// where he is: what he has opened stays open, and nothing scrolls.
{
  const source = new EventSource("events");
  let shown = document.currentScript.dataset.watch;
  const opened = (root) => [...root.querySelectorAll("details")];
  const name = (each) => each.id || each.querySelector("summary")?.textContent || "";
  const renew = async (number) => {
    const answer = await fetch(".", { cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = new Map(opened(document).map((each) => [name(each), each.open]));
    for (const each of opened(page)) each.open = open.get(name(each)) ?? each.open;
    const { scrollX, scrollY } = window;
    const scripts = [...page.querySelectorAll("script:not([data-watch])")].map((each) => each.text);
    for (const each of page.querySelectorAll("script")) each.remove();
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    for (const text of scripts) {
      const script = document.createElement("script");
      script.text = `{${text}}`; // in a block, as its names are taken
      document.body.append(script);
    }
    window.scrollTo(scrollX, scrollY);
    shown = number;
  };
  source.onmessage = ({ data }) => {
    if (data !== shown) renew(data);
  };
}
