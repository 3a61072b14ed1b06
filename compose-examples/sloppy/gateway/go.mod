module gateway

go 1.19

require greetings.example/hello v1.0.0
