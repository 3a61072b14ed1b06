export const TITLE = "DataMate in the lab";

document.querySelector("h1").textContent = TITLE;
