// Puts what the server has drawn into the page, and tells the server what was graded in it.
// Streamlit's own HTML element drops SVG, and with every change the focus and what was unfolded.

const UNWANTED = "script, iframe, object, embed, form, base, meta, link, template";
const KEYS = { 0: "0", 1: "1", 2: "2", 3: "3", x: "x", u: "u" };
const states = new WeakMap();

// The server escapes every text; this is for the case that it once forgets to.
function parsed(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  body.querySelectorAll(UNWANTED).forEach((element) => element.remove());
  for (const element of body.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) if (name.startsWith("on")) element.removeAttribute(name);
  }
  return body;
}

const keyOf = (node) => node.dataset && (node.dataset.key ?? node.dataset.chunk ?? node.dataset.c);

// Makes `old` like `fresh` and leaves alone what is the same, so that focus, scrolling and images stay.
function become(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  becomeWithin(old, fresh);
}

function becomeWithin(old, fresh) {
  const keyed = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const like = keyOf(child) ? keyed.get(keyOf(child)) : at && !keyOf(at) ? at : null;
    if (like && like.nodeName === child.nodeName) {
      if (like === at) at = at.nextSibling;
      else old.insertBefore(like, at);
      become(like, child);
    } else {
      old.insertBefore(document.importNode(child, true), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// From line to line with the arrow keys: one of them is reached with Tab.
function walk(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const here = event.target.closest("g[data-c]");
  if (!step || !here) return;
  event.preventDefault();
  const lines = [...here.parentElement.querySelectorAll("g[data-c]")];
  const there = lines[lines.indexOf(here) + step];
  if (!there) return;
  here.setAttribute("tabindex", "-1");
  there.setAttribute("tabindex", "0");
  there.focus();
}

// From the number of a citation to the card of its passage: the reranked one before the others.
function goTo(number) {
  const cards = [...document.querySelectorAll(".rl-linked [data-chunk]")];
  const found = cards.filter((card) => card.dataset.chunk === number.dataset.goto);
  const card = found.find((each) => each.closest('[aria-label^="Reranked"]')) ?? found[0];
  if (!card) return;
  card.closest("details.rl-twins")?.setAttribute("open", "");
  card.scrollIntoView({ block: "center" });
  card.focus({ preventScroll: true });
}

// Every grade that the server has not answered yet goes with each message: none can overtake another.
function mark(state, chunk, grade) {
  state.last += 1;
  state.pending.push({ n: state.last, about: state.about, chunk, grade });
  state.send([...state.pending]);
  // What the page is at work on would hold the grade back until it is done: as any click does, it ends that.
  // A little later, because Streamlit makes one message of two that come together, which ends nothing.
  setTimeout(() => document.querySelector("[class*=st-key-working-] button")?.click(), 100);
}

function listen(host, state) {
  host.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-grade]");
    if (button) mark(state, button.closest("[data-chunk]").dataset.chunk, button.dataset.grade);
    const number = event.target.closest("[data-goto]");
    if (number) goTo(number);
  });
  host.addEventListener("keydown", (event) => {
    walk(event);
    const card = event.target.closest("[data-chunk]");
    const grade = KEYS[event.key.toLowerCase()];
    if (!card?.querySelector("button[data-grade]") || !grade) return;
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    mark(state, card.dataset.chunk, grade);
  });
}

export default function ({ parentElement, data, setStateValue }) {
  let state = states.get(parentElement);
  if (!state) {
    state = { host: document.createElement("div"), pending: [], last: 0, html: "" };
    states.set(parentElement, state);
    parentElement.append(state.host);
    listen(state.host, state);
  }
  state.send = (pending) => setStateValue("marks", pending);
  state.about = data.about;
  state.last = Math.max(state.last, data.seen);
  state.pending = state.pending.filter((sent) => sent.n > data.seen);
  if (data.html !== state.html) {
    state.html = data.html;
    becomeWithin(state.host, parsed(data.html));
  }
}
