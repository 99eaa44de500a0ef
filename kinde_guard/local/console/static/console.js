// What the pages do a little better with scripts. Everything works without them.
"use strict";

const say = (text) => { document.getElementById("said").textContent = text; };
const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

// "Copy" beside what is worth copying.
each("[data-copy]", (button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
      say("Copied");
    } catch {
      getSelection().selectAllChildren(source);
      say("Selected: copy it with the keyboard");
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
});

// Switches: all at once, only some of many, and how many are not saved yet.
each("[data-switches]", (form) => {
  const switches = [...form.querySelectorAll("input[role=switch]")];
  const unsaved = form.querySelector(".unsaved");
  const hint = form.closest("section").querySelector(".unsaved-hint");
  const count = () => {
    const changed = switches.filter((one) => one.checked !== one.defaultChecked).length;
    unsaved.textContent = changed ? `${changed} not saved yet` : "";
    if (hint) hint.hidden = !changed;
  };
  form.addEventListener("change", count);
  each(".tools", (tools) => { tools.hidden = false; }, form);
  each("[data-all]", (button) => button.addEventListener("click", () => {
    for (const one of switches) {
      if (!one.closest("label").hidden) one.checked = button.dataset.all === "on";
    }
    count();
  }), form);
  each("[data-filter]", (field) => {
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const one of switches) {
        const label = one.closest("label");
        label.hidden = !label.textContent.toLowerCase().includes(wanted);
      }
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  }, form);
});

// Only the numbers that the chosen fault uses.
each("[data-fault]", (form) => {
  const uses = { status: ["status"], slow: ["seconds"], trickle: ["seconds"], oversized: ["size"] };
  const what = form.elements.what;
  const show = () => {
    for (const name of ["status", "seconds", "size"]) {
      form.elements[name].closest(".field").hidden = !(uses[what.value] || []).includes(name);
    }
  };
  what.addEventListener("change", show);
  show();
});
