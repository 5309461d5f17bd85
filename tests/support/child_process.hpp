// A program that runs beside a test: a server that others have made.
#pragma once

#include "support/listener.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

inline sockaddr_in loopback_address(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// A port of 127.0.0.1 for a server that has to be told one. It lies below those that the system gives out
/// by itself, so nobody gets it meanwhile; tests that run at the same time look in different places.
inline std::uint16_t free_port() {
    constexpr unsigned first = 10000;
    constexpr unsigned count = 20000;
    static unsigned next = static_cast<unsigned>(::getpid()) * 32;
    for (unsigned i = 0; i < count; ++i) {
        auto const port = static_cast<std::uint16_t>(first + next++ % count);
        try {
            auto const address = loopback_address(port);
            Listener const probe(reinterpret_cast<sockaddr const*>(&address), sizeof address);
            return port;
        } catch (std::system_error const& error) {
            if (error.code() != std::errc::address_in_use)
                throw;
        }
    }
    throw std::runtime_error("no port is free");
}

/// Runs in a folder of the test's, and writes there what it says: to `NAME.log`. It is in a process group of
/// its own, which ends with this object, or with the thread that made it.
class ChildProcess {
public:
    using Strings = std::vector<std::string>;

    /// command:   the program's path, and its arguments.
    /// variables: `NAME=value`, added to the environment.
    ChildProcess(std::filesystem::path folder, Strings command, Strings variables = {})
        : folder_(std::move(folder)), command_(std::move(command)),
          log_(folder_ / std::filesystem::path(command_.front()).filename().concat(".log")) {
        // Of two of the same name, the first counts.
        for (char** each = ::environ; *each != nullptr; ++each)
            variables.emplace_back(*each);
        auto const arguments = pointers_to(command_);
        auto const environment = pointers_to(variables);
        auto const parent = ::getpid();
        id_ = ::fork();
        if (id_ < 0)
            throw std::system_error(errno, std::system_category(), "fork");
        if (id_ == 0)
            execute(parent, arguments.data(), environment.data());
        // Both do, for whoever comes first.
        ::setpgid(id_, id_);
    }
    ChildProcess(ChildProcess const&) = delete;
    ChildProcess& operator=(ChildProcess const&) = delete;

    ~ChildProcess() {
        ::kill(id_, SIGTERM);
        for (int i = 0; i < 100 && !has_ended(); ++i)
            std::this_thread::sleep_for(pause);
        // The id is still its own: nobody has waited for it.
        ::kill(-id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    /// Blocks until connections to the port are accepted.
    ///
    /// Throws:    std::runtime_error with what the program has said, if it ends before, or after 30 s.
    void wait_for_port(std::uint16_t port) const {
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!accepts(port)) {
            if (has_ended() || std::chrono::steady_clock::now() > end)
                throw std::runtime_error(command_.front() + " does not answer: " + said());
            std::this_thread::sleep_for(pause);
        }
    }

    /// What it has written so far.
    std::string said() const {
        std::ifstream log(log_, std::ios::binary);
        return {std::istreambuf_iterator<char>(log), {}};
    }

private:
    static constexpr std::chrono::milliseconds pause{10};

    static std::vector<char*> pointers_to(Strings& strings) {
        std::vector<char*> pointers;
        pointers.reserve(strings.size() + 1);
        for (auto& each : strings)
            pointers.push_back(each.data());
        pointers.push_back(nullptr);
        return pointers;
    }

    /// In the child, whose parent may have had other threads: nothing here takes a lock.
    [[noreturn]] void execute(
        pid_t parent, char* const* arguments, char* const* environment) const {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        bool const is_orphan = ::getppid() != parent;
        int const log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        int const nothing = ::open("/dev/null", O_RDONLY);
        if (is_orphan || ::chdir(folder_.c_str()) != 0 || ::dup2(nothing, STDIN_FILENO) < 0 ||
            ::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0)
            ::_exit(126);
        // The test's own sockets would otherwise stay open with it.
        ::close_range(3, ~0U, 0);
        ::execve(arguments[0], arguments, environment);
        ::_exit(127);
    }

    bool has_ended() const {
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT);
        return info.si_pid != 0;
    }

    static bool accepts(std::uint16_t port) {
        int const socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        auto const address = loopback_address(port);
        bool const accepted =
            ::connect(socket, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0;
        ::close(socket);
        return accepted;
    }

    std::filesystem::path const folder_;
    Strings command_;
    std::filesystem::path const log_;
    pid_t id_ = 0;
};

}  // namespace support
