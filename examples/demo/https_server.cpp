// The server of the demonstration as a program of its own, for tests.
//
// usage: https_server <for whom> <file>    for whom: "DNS:localhost", "IP:127.0.0.1", ...
//
// Writes its certificate to the file, prints its port, serves until its standard input ends, and
// then prints how many connections and requests there were.
#include "certificate.hpp"
#include "server.hpp"

#include <exception>
#include <fstream>
#include <iostream>
#include <limits>

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: https_server <for whom> <file>\n";
        return 1;
    }
    try {
        demo::Certificate const certificate = demo::make_certificate(argv[1]);
        std::ofstream{argv[2]} << certificate.certificate_pem;
        demo::HttpsServer const server{certificate};
        std::cout << server.port() << '\n' << std::flush;

        std::cin.ignore(std::numeric_limits<std::streamsize>::max());
        std::cout << server.connections() << " connections, " << server.requests() << " requests\n";
    } catch (std::exception const& error) {
        std::cerr << "https_server: " << error.what() << '\n';
        return 1;
    }
}
