const isNumber = require("is-number");

console.log("panel one:", isNumber(5) ? "a number" : "no number");
