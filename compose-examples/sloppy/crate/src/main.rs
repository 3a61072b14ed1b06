fn main() {
    println!("crate one: {}", itoa::Buffer::new().format(42));
}
