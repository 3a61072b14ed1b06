import idna

print("worker one: idna", idna.__version__)
