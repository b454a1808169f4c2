// The console's only script. Every page works without it; it adds what a reader would miss: times in the own zone,
// lists that follow what is typed, several rows at once, copying.
"use strict";

// The page's language as the reader's region writes it, where the browser names one: en-GB for a page in en.
const SPOKEN = document.documentElement.lang;
const WRITTEN = navigator.languages.find((language) => language.split("-")[0] === SPOKEN) ?? SPOKEN;

function localTimes(root) {
  const clock = new Intl.DateTimeFormat(WRITTEN, { dateStyle: "medium", timeStyle: "short" });
  const calendar = new Intl.DateTimeFormat(WRITTEN, { dateStyle: "medium" });
  const hours = new Intl.DateTimeFormat(WRITTEN, { timeStyle: "short" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title ||= time.textContent;
    const written = time.hasAttribute("data-day") ? calendar : time.hasAttribute("data-hour") ? hours : clock;
    time.textContent = written.format(at);
  }
}

// <form data-live="#id">: what is typed or chosen loads the same page with it, and its #id takes the old one's place.
function liveForm(form) {
  let waiting, asked = 0;
  const target = () => document.querySelector(form.dataset.live);
  async function refresh() {
    const mine = ++asked;
    const address = new URL(form.action || location.href, location.href);
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    address.search = new URLSearchParams(fields).toString();
    target().setAttribute("aria-busy", "true");
    const answer = await fetch(address, { credentials: "same-origin" });
    if (mine !== asked) return;
    if (answer.redirected || !answer.ok) return location.assign(address);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(form.dataset.live);
    if (mine !== asked || !fresh) return;
    target().replaceWith(document.adoptNode(fresh));
    history.replaceState(null, "", address);
    prepare(target());
  }
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, event.target.matches("input[type=search], input[type=text]") ? 200 : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    refresh();
  });
}

// <form data-pick>: a box for all rows, and buttons (data-needs-pick) that wait until a row is picked.
function pickForm(form) {
  const boxes = () => [...form.querySelectorAll("input[name=id]")];
  const all = form.querySelector("input[data-all]");
  const count = form.querySelector("[data-count]");
  function show() {
    const picked = boxes().filter((box) => box.checked).length;
    for (const button of form.querySelectorAll("[data-needs-pick]")) button.disabled = picked === 0;
    if (count) count.textContent = String(picked);
    if (all) [all.checked, all.indeterminate] = [picked > 0 && picked === boxes().length, picked > 0 && picked < boxes().length];
  }
  if (all) {
    all.closest("[hidden]").hidden = false;
    all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; show(); });
  }
  form.addEventListener("change", show);
  show();
}

function dropArea(area) {
  for (const name of ["dragenter", "dragover"]) area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) area.addEventListener(name, () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    const input = area.querySelector("input[type=file]");
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

function copyButton(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = button.dataset.done;
  });
}

// <button data-poll="#id">: while it is pressed, #id of this page is asked for anew every few seconds.
function pollButton(button) {
  let timer = 0;
  const words = button.textContent;
  async function look() {
    if (!document.hidden) {
      const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
      if (answer && (answer.redirected || answer.status === 401)) return location.reload();
      const fresh = answer && answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(button.dataset.poll);
      const old = document.querySelector(button.dataset.poll);
      if (fresh && timer && !old.contains(document.activeElement)) {
        localTimes(fresh);
        old.replaceWith(document.adoptNode(fresh));
        prepare(document.querySelector(button.dataset.poll));
      }
    }
    if (timer) timer = setTimeout(look, 4000);
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    clearTimeout(timer);
    timer = timer ? 0 : 1;
    button.setAttribute("aria-pressed", String(timer > 0));
    button.textContent = timer ? button.dataset.on : words;
    if (timer) look();
  });
}

function prepare(root) {
  localTimes(root);
  root.querySelectorAll("form[data-pick]").forEach(pickForm);
  root.querySelectorAll(".drop").forEach(dropArea);
  root.querySelectorAll("button[data-copy]").forEach(copyButton);
}

prepare(document);
document.querySelectorAll("form[data-live]").forEach(liveForm);
document.querySelectorAll("button[data-poll]").forEach(pollButton);
// What was posted once is not posted again by a second click.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post" && !event.target.hasAttribute("data-again") && !event.defaultPrevented) {
    for (const button of event.target.querySelectorAll("button")) setTimeout(() => { button.disabled = true; });
  }
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
