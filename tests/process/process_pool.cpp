// A pool of processes, its program, and whatever ends or forks one of them: nobody is left alone, and nobody is left.

#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/thread_sanitizer.hpp"
#include <syncopate/error.hpp>
#include <syncopate/process_pool.hpp>
#include <syncopate/run.hpp>
#include <syncopate/thread_runner.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using support::code_of;
using support::require;
using syncopate::Errc;
using syncopate::ProcessPool;
using syncopate::run_in_executor;
using syncopate::ThreadRunner;

/// What all processes have in common.
struct Shared {
    std::atomic<pid_t> worker;
    std::atomic<pid_t> server;
    std::atomic<pid_t> sibling;
};

Shared& shared = *new (::mmap(
    nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared();

int twice(int number) {
    return 2 * number;
}
pid_t parent_of(int) {
    return ::getppid();
}
void never_end() {
    shared.server = ::getppid();
    shared.worker = ::getpid();
    for (;;)
        ::pause();
}

void wait_for_worker() {
    while (shared.worker == 0)
        std::this_thread::sleep_for(100us);
}

/// It is this process's to be waited for, since it has lost its parent.
void require_gone(pid_t process, char const* what) {
    auto const deadline = std::chrono::steady_clock::now() + 20s;
    while (::kill(process, 0) == 0) {
        ::waitpid(process, nullptr, WNOHANG);
        require(std::chrono::steady_clock::now() < deadline, what);
        std::this_thread::sleep_for(1ms);
    }
}

void require_no_child() {
    pid_t const found = ::waitpid(-1, nullptr, WNOHANG);
#if defined(SYNCOPATE_UNDER_THREAD_SANITIZER)  // which may have started a child that looks up names
    require(found <= 0, "no process is left");
#else
    require(found < 0 && errno == ECHILD, "no process is left");
#endif
}

template <class F>
pid_t in_child(F function) {
    pid_t const child = ::fork();
    require(child >= 0, "a process can be forked");
    if (child != 0)
        return child;
    ::alarm(60);
    try {
        function();
    } catch (std::exception const& error) {
        support::give_up(error.what());
    }
    std::_Exit(EXIT_SUCCESS);
}

void require_success(pid_t child, char const* what) {
    int status = 0;
    require(::waitpid(child, &status, 0) == child, "the child can be waited for");
    require(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS, what);
}

void refuses_threads() {
    ThreadRunner runner;
    runner.call([] {});
    std::string text;
    try {
        ProcessPool const pool{1};
    } catch (std::system_error const& error) {
        require(error.code() == std::errc::operation_not_permitted, "it is not permitted");
        text = error.what();
    }
    require(
        text.find("ProcessPool::prepare()") != std::string::npos,
        "with threads a pool is refused, and the text says what to do");
}

void leaves_no_process() {
    {
        ProcessPool pool{2};
        ProcessPool other{1};
        ThreadRunner runner;
        auto const server = runner.run(run_in_executor(pool, parent_of, 1));
        require(server == runner.run(run_in_executor(other, parent_of, 1)), "pools share a server");
        ProcessPool const with_threads{1};
    }
    require_no_child();
}

void survives_the_end_of_its_server() {
    shared.worker = 0;
    {
        ProcessPool pool{2};
        ThreadRunner runner;
        auto const server = runner.run(run_in_executor(pool, parent_of, 1));
        auto running = runner.run_as_future(run_in_executor(pool, never_end));
        wait_for_worker();
        ::kill(server, SIGKILL);
        require(code_of([&] { running.get(); }) == Errc::worker_lost, "what ran is lost");
        require(
            code_of([&] { runner.run(run_in_executor(pool, twice, 1)); }) == Errc::worker_lost,
            "what comes later is refused");
        require_gone(shared.worker, "the workers end with their server");
    }
    ProcessPool pool{1};
    require(syncopate::run(run_in_executor(pool, twice, 1)) == 2, "a new pool works");
}

/// Also while another process has inherited the socket of the server.
void ends_with_its_program() {
    shared.worker = 0;
    shared.sibling = 0;
    pid_t const program = in_child([] {
        ProcessPool pool{1};
        ThreadRunner runner;
        auto const running = runner.run_as_future(run_in_executor(pool, never_end));
        wait_for_worker();
        shared.sibling = in_child([] {
            for (;;)
                ::pause();
        });
        for (;;)
            ::pause();
    });
    wait_for_worker();
    while (shared.sibling == 0)
        std::this_thread::sleep_for(100us);
    ::kill(program, SIGKILL);
    ::waitpid(program, nullptr, 0);
    require_gone(shared.worker, "the worker ends with its program");
    require_gone(shared.server, "the server ends with its program");
    ::kill(shared.sibling, SIGKILL);
    require_gone(shared.sibling, "the sibling ends");
}

void is_the_parents_after_a_fork() {
    ProcessPool pool{1};
    {
        ThreadRunner runner;
        require(runner.run(run_in_executor(pool, twice, 1)) == 2, "the parent uses it");
#if !defined(SYNCOPATE_UNDER_THREAD_SANITIZER)  // which does not let such a child start a thread
        auto const child = in_child([&] {
            auto const forked = [](auto call) { return code_of(call) == Errc::forked; };
            require(forked([&] { pool.close(); }), "close() throws Errc::forked");
            require(forked([&] { return pool.size(); }), "size() throws Errc::forked");
            require(
                forked([&] { static_cast<void>(run_in_executor(pool, twice, 1)); }),
                "a call throws Errc::forked");
            pool.~ProcessPool();
            ProcessPool own{1};
            require(syncopate::run(run_in_executor(own, twice, 2)) == 4, "the child has its own");
        });
        require_success(child, "the child can do without the parent's pool");
#endif
        require(runner.run(run_in_executor(pool, twice, 2)) == 4, "the parent goes on");
    }
    // A function in a worker may do the same, and use loops.
    auto const nested = [](int number) {
        ProcessPool own{1};
        return syncopate::run(run_in_executor(own, twice, number)) + 1;
    };
    require(
        syncopate::run(run_in_executor(pool, nested, 4)) == 9, "a worker has a pool of its own");
}

void needs_no_input_and_no_output() {
    require_success(
        in_child([] {
            for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
                ::close(number);
            ProcessPool pool{1};
            auto const print = [](int number) {
                std::cout << "to nobody" << std::endl;
                std::cerr << "to nobody" << std::endl;
                return number;
            };
            for (int i = 0; i < 400; ++i)  // more than a socket would take
                require(syncopate::run(run_in_executor(pool, print, i)) == i, "it works");
        }),
        "a program that has closed its input and its outputs has pools");
}

/// Another process may have inherited what leads to the server, and live on.
void leaves_no_server_to_a_sibling() {
    pid_t sibling = 0;
    {
        ProcessPool pool{1};
        require(syncopate::run(run_in_executor(pool, twice, 1)) == 2, "it works");
        sibling = in_child([] {
            for (;;)
                ::pause();
        });
    }
    ::kill(sibling, SIGKILL);
    ::waitpid(sibling, nullptr, 0);
    require_no_child();
}

/// A pool that does not read what its server tells is not waited for. Its workers end at once here: what they get is no socket.
void waits_for_no_pool() {
    namespace detail = syncopate::detail;
    using Message = detail::ServerMessage;
    auto const server = detail::ProcessServer::get();
    auto const session = server->open_session();
    timeval const time_out{20, 0};
    ::setsockopt(session.get(), SOL_SOCKET, SO_SNDTIMEO, &time_out, sizeof time_out);
    detail::Descriptor const nothing(::open("/dev/null", O_RDONLY));
    // Each time more than its socket takes in one direction.
    for (std::uint32_t i = 0; i < 1000; ++i) {
        Message const make{Message::Kind::make_one, i, 0, 0};
        require(
            detail::send_with_descriptor(session.get(), make, nothing.get()), "the server listens");
        if (i == 500) {
            ProcessPool other{1};
            require(syncopate::run(run_in_executor(other, twice, 2)) == 4, "others go on");
        }
    }
    for (int told = 0; told < 1000;) {
        Message message;
        detail::Descriptor none;
        auto const receipt = detail::receive_with_descriptor(session.get(), message, none);
        require(receipt != detail::Receipt::end, "the server goes on");
        if (receipt == detail::Receipt::message)
            ++told;
        else
            std::this_thread::sleep_for(1ms);
    }
}

}  // namespace

int main() {
    ::alarm(100);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    refuses_threads();
    leaves_no_process();
    survives_the_end_of_its_server();
    ends_with_its_program();
    is_the_parents_after_a_fork();
    needs_no_input_and_no_output();
    leaves_no_server_to_a_sibling();
    waits_for_no_pool();
}
