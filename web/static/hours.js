// Conveniences of the hours page: it works without them.
document.addEventListener("change", (event) => {
  if (event.target.id === "is") showHoursOfDate();
});
document.addEventListener("click", (event) => {
  if (!event.target.matches("[data-add]")) return;
  const day = event.target.closest(".spans");
  const next = day.querySelector("[data-span][hidden]");
  next.hidden = false;
  next.querySelector("input").focus();
  event.target.hidden = !day.querySelector("[data-span][hidden]");
});

/** The hours of a date stand there only while it is open on it. */
function showHoursOfDate() {
  const choice = document.getElementById("is");
  const hours = document.querySelector("[data-when-open]");
  if (choice && hours) hours.hidden = choice.value === "closed";
}

/** The room for one more opening is behind a button: few days need it. */
function hideSpareSpans() {
  for (const button of document.querySelectorAll("[data-add]")) {
    const spans = [...button.closest(".spans").querySelectorAll("[data-span]")];
    const spare = spans.slice(2).filter((span) => [...span.querySelectorAll("input")].every((input) => !input.value));
    for (const span of spare) span.hidden = true;
    button.hidden = spare.length === 0;
  }
}

showHoursOfDate();
hideSpareSpans();
