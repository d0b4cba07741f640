// The menu's pages: off today in one tap, an item's form in its place in the list, search, rows of forms, order.
// Everything works without this file: each button and form posts, and each link opens a page.
(() => {
  const headers = { "HX-Request": "true" };
  const fromHtml = (html) => Object.assign(document.createElement("template"), { innerHTML: html.trim() }).content.firstElementChild;
  document.documentElement.classList.add("scripted");

  const complain = (place, text) => {
    place.querySelector(":scope > .error")?.remove();
    const error = Object.assign(document.createElement("small"), { className: "error", textContent: text });
    error.setAttribute("role", "alert");
    place.append(error);
  };

  // A page where the session has ended, or was refused, is shown whole.
  const send = async (url, body) => {
    const answer = await fetch(url, { method: body ? "POST" : "GET", body, headers, signal: AbortSignal.timeout(10000) });
    if (answer.status === 401 || answer.redirected) { location.reload(); throw new Error("signed out"); }
    if (!answer.ok && answer.status !== 422) throw new Error(String(answer.status));
    return answer;
  };

  // Off and back: shown at once, put right by the answer, taken back when there is none.
  const off = document.getElementById("off");
  off?.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const row = button?.closest(".dish");
    if (!row) return;
    event.preventDefault();
    const url = button.formAction, body = new FormData(off, button);
    const before = row.cloneNode(true);
    const state = button.closest(".sizes > li") ?? row;
    state.classList.toggle("gone", button.value !== "back");
    row.setAttribute("aria-busy", "true");
    row.querySelectorAll("button").forEach((one) => { one.disabled = true; });
    try {
      const fresh = fromHtml(await (await send(url, body)).text());
      row.replaceWith(fresh);
      const again = [...fresh.querySelectorAll("button")].find((one) => one.formAction === url);
      again?.focus();
    } catch {
      row.replaceWith(before);
      complain(before, off.dataset.failed);
    }
  });

  // An item's form opens in its row.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-edit]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const row = link.closest(".dish");
    try {
      const form = fromHtml(await (await send(link.href)).text());
      row.append(form);
      link.closest("h3").inert = true;
      prepare(form);
      form.querySelector("[data-cancel]").addEventListener("click", () => {
        form.remove();
        link.closest("h3").inert = false;
        link.focus();
      });
      form.querySelector("[name=name]").focus();
    } catch {
      location.href = link.href;
    }
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const row = form.closest(".dish");
    if (!row || !form.matches("[data-inline]")) return;
    event.preventDefault();
    const button = form.querySelector(".save button");
    button.disabled = true;
    try {
      const answer = await send(form.action, new FormData(form));
      const fresh = fromHtml(await answer.text());
      if (answer.status === 422) {
        const cancel = form.querySelector("[data-cancel]");
        form.replaceWith(fresh);
        prepare(fresh);
        fresh.querySelector("[data-cancel]").addEventListener("click", () => location.reload());
        cancel?.remove();
        fresh.querySelector("[aria-invalid]")?.focus();
      } else {
        row.replaceWith(fresh);
        fresh.querySelector("a[data-edit]")?.focus();
      }
    } catch {
      button.disabled = false;
      complain(form, form.dataset.failed);
    }
  });

  // Search: what does not fit is hidden; accents and case don't matter.
  const folded = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const filter = document.querySelector("[data-filter]");
  filter?.form.addEventListener("submit", (event) => event.preventDefault());
  filter?.addEventListener("input", () => {
    const wanted = folded(filter.value.trim());
    let shown = 0;
    for (const section of document.querySelectorAll(".category")) {
      let here = 0;
      for (const row of section.querySelectorAll(".dish")) {
        row.hidden = !folded(row.querySelector(".dish-words").textContent).includes(wanted);
        here += row.hidden ? 0 : 1;
      }
      section.hidden = !here && wanted !== "";
      shown += here;
    }
    document.querySelector("[data-nothing]").hidden = shown > 0 || !wanted;
  });

  // Rows of a form: added, removed, moved.
  function prepare(root) {
    for (const button of root.querySelectorAll("[data-add], [data-cancel]")) button.hidden = false;
    const cancel = root.matches(".dish *") ? null : root.querySelector("[data-cancel]");
    if (cancel) cancel.hidden = true;
    const vat = root.querySelector("[data-vat]");
    if (vat) {
      const rates = root.querySelector("[data-vat-rates]");
      const show = () => { rates.hidden = vat.value !== "other"; };
      vat.addEventListener("change", show);
      show();
    }
    root.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const row = button.closest(".list-row");
      if (button.matches("[data-add]")) {
        const list = button.previousElementSibling;
        const fresh = list.lastElementChild.cloneNode(true);
        fresh.querySelectorAll(".error").forEach((one) => one.remove());
        for (const field of fresh.querySelectorAll("input, textarea, select")) {
          if (field.tagName === "SELECT") field.selectedIndex = 0; else field.value = "";
          field.removeAttribute("aria-invalid");
        }
        list.append(fresh);
        fresh.querySelector("input:not([type=hidden])").focus();
      } else if (button.matches("[data-remove]")) {
        const next = row.nextElementSibling ?? row.previousElementSibling;
        if (next) { row.remove(); next.querySelector("input:not([type=hidden])")?.focus(); }
        else for (const field of row.querySelectorAll("input, textarea")) field.value = "";
      } else if (button.matches("[data-up]") && row.previousElementSibling) {
        row.previousElementSibling.before(row);
        button.focus();
      } else if (button.matches("[data-down]") && row.nextElementSibling) {
        row.nextElementSibling.after(row);
        button.focus();
      }
    });
  }
  for (const form of document.querySelectorAll("form.editor")) prepare(form);

  // Order: dragged by its name, or moved with the arrow keys while the name has the focus.
  const status = document.querySelector("[data-status]");
  for (const list of document.querySelectorAll("[data-sortable]")) {
    let dragged = null, from = null;
    const rowOf = (target) => {
      const row = target.closest?.(".grip")?.closest("li");
      return row?.parentElement === list ? row : null;
    };
    const keep = async (row, before) => {
      const place = [...list.children].indexOf(row);
      const body = new FormData(off);
      body.set("to", place);
      try {
        await send(list.dataset.sortable + row.dataset.id, body);
        status.textContent = `${row.querySelector(".grip").textContent}: ${off.dataset.moved} ${place + 1}`;
      } catch {
        list.insertBefore(row, before);
        status.textContent = off.dataset.failed;
      }
    };
    list.addEventListener("pointerdown", (event) => {
      const row = event.button ? null : rowOf(event.target);
      if (!row) return;
      dragged = row;
      from = row.nextElementSibling;
      event.target.setPointerCapture(event.pointerId);
    });
    list.addEventListener("pointermove", (event) => {
      if (!dragged) return;
      dragged.classList.add("dragged");
      const others = [...list.children].filter((row) => row !== dragged);
      const next = others.find((row) => event.clientY < row.getBoundingClientRect().top + row.offsetHeight / 2);
      if ((next ?? null) !== dragged.nextElementSibling) list.insertBefore(dragged, next ?? null);
    });
    const drop = () => {
      if (!dragged) return;
      dragged.classList.remove("dragged");
      if (dragged.nextElementSibling !== from) keep(dragged, from);
      dragged = null;
    };
    list.addEventListener("pointerup", drop);
    list.addEventListener("pointercancel", drop);
    list.addEventListener("keydown", (event) => {
      const row = rowOf(event.target);
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!row || !step) return;
      event.preventDefault();
      const before = row.nextElementSibling;
      const place = step < 0 ? row.previousElementSibling : row.nextElementSibling?.nextElementSibling ?? null;
      if (step < 0 ? !place : !before) return;
      list.insertBefore(row, place);
      event.target.focus();
      keep(row, before);
    });
  }
})();
