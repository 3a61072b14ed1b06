package main

import (
	"fmt"

	"greetings.example/hello"
)

func main() {
	fmt.Println("gateway one:", hello.Text())
}
