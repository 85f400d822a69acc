// Elements made in one line, calls to the server, and the few words that several modules share.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) { continue; }
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (name in element && typeof value !== "string") {
      element[name] = value;
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function badge(text, kind) {
  const symbol = { ok: "✓", warn: "▲", bad: "✕", info: "●", muted: "○" }[kind];
  return h("span", { class: "tag tag-" + kind }, h("span", { "aria-hidden": "true" }, symbol), " " + text);
}

export function count(number, one, many = one + "s") {
  return number.toLocaleString("en-GB") + " " + (number === 1 ? one : many);
}

export function option(value, chosen, label = value) {
  return h("option", { value, selected: value === chosen }, label);
}

// A call of the page's own server: the answer, or an error that carries it as `answer`.
export async function post(address, body, signal) {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const sent = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
    signal,
  });
  if (!(sent.headers.get("Content-Type") || "").includes("json")) {
    throw new CallError("You were signed out. Sign in in another window; what you wrote stays here.", {}, sent.status);
  }
  const answer = await sent.json();
  if (!sent.ok) { throw new CallError(answer.message || "That did not work.", answer, sent.status); }
  return answer;
}

export class CallError extends Error {
  constructor(message, answer, status) {
    super(message);
    this.answer = answer;
    this.status = status;
  }
}

// What is said to people who do not see the change.
export function announce(text) {
  const place = document.getElementById("editor-announce");
  if (place) { place.textContent = text; }
}
