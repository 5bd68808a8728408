// Puts the new page in the place of the old one where the search has gone on, and leaves the reader
// where he is: what he has opened, sorted and scrolled stays so, and the focus where it was. Says
// where the connection is lost; it is looked for until it is back.
{
  const RETRY_MS = 3000;
  const SAID_MS = 5000;
  const BOXES = "[role=region], pre";
  const FOCUSABLE = "summary, button, a[href], [role=region]";
  let shown = document.currentScript.dataset.watch;
  let isLost = false;
  let turn = Promise.resolve(); // one page after the other

  const notice = document.createElement("p");
  notice.setAttribute("role", "status");
  notice.style.cssText =
    "position: fixed; left: 12px; right: 12px; bottom: 12px; max-width: none; margin: 0; " +
    "background: var(--warm); color: var(--on-warm); border-radius: 8px;";
  const say = (text) => {
    notice.textContent = text;
    notice.style.padding = text ? "10px 14px" : "0";
  };
  document.body.append(notice);
  say("");

  // Elements by what both pages call them: numbers in their texts may have changed.
  const named = (selector) => {
    const found = new Map();
    for (const each of document.querySelectorAll(selector)) {
      const text =
        each.getAttribute("aria-label") ??
        each.querySelector("summary")?.textContent ??
        (each.matches(BOXES) ? "" : each.textContent);
      const table = each.closest("table")?.caption?.textContent ?? "";
      const name = `${each.tagName} ${table} ${text}`.replace(/\d[\d.,]*/g, "#");
      let number = 0;
      while (found.has(`${name} ${number}`)) number += 1;
      found.set(`${name} ${number}`, each);
    }
    return found;
  };
  const kept = (selector, state) =>
    new Map([...named(selector)].map(([name, each]) => [name, state(each)]));

  const where = () => ({
    opened: kept("details", (each) => each.open),
    sorted: kept("thead th", (each) => each.getAttribute("aria-sort")),
    boxes: kept(BOXES, (each) => [each.scrollLeft, each.scrollTop]),
    focus: [...named(FOCUSABLE)].find(([, each]) => each === document.activeElement)?.[0],
    scroll: [window.scrollX, window.scrollY],
  });
  const put = ({ opened, sorted, boxes, focus, scroll }) => {
    for (const [name, each] of named("details")) each.open = opened.get(name) ?? each.open;
    for (const [name, head] of named("thead th")) {
      const order = sorted.get(name);
      while (order && head.getAttribute("aria-sort") !== order) head.querySelector("button").click();
    }
    if (focus) named(FOCUSABLE).get(focus)?.focus({ preventScroll: true });
    for (const [name, each] of named(BOXES)) each.scrollTo(...(boxes.get(name) ?? [0, 0]));
    window.scrollTo(...scroll);
  };

  const renew = async (number) => {
    const answer = await fetch(".", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const reader = where();
    const scripts = [...page.querySelectorAll("script:not([data-watch])")].map((each) => each.text);
    for (const each of page.querySelectorAll("script")) each.remove();
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    for (const text of scripts) {
      const script = document.createElement("script");
      script.text = `{${text}}`; // in a block, as its names are taken
      document.body.append(script);
    }
    document.body.append(notice);
    put(reader);
    shown = number;
    if (isLost) {
      isLost = false;
      say("Connected again: this page is live.");
      setTimeout(() => isLost || say(""), SAID_MS);
    }
  };
  const lose = () => {
    const time = new Date().toLocaleTimeString();
    if (!isLost) say(`The connection is lost: this is as it was at ${time}, and goes on once it is back.`);
    isLost = true;
  };
  const listen = () => {
    const source = new EventSource("events");
    source.onmessage = ({ data }) => {
      if (data !== shown || isLost) turn = turn.then(() => renew(data)).catch(lose);
    };
    source.onerror = () => {
      lose();
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
    };
  };
  listen();
}
