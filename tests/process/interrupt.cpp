// run_interruptible in real processes, with real signals and a real terminal: whom Ctrl-C ends, and what comes
// before that.

#include "support/stress.hpp"
#include "support/tasks.hpp"
#include "support/thread_sanitizer.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/run.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;

class Child {
public:
    enum class Has { pipe, terminal };

    explicit Child(int (*function)(), Has has = Has::pipe) {
        int ends[2] = {};
        if (has == Has::terminal)
            open_terminal(ends);
        else
            require(::pipe(ends) == 0, "a pipe can be made");
        id_ = ::fork();
        require(id_ >= 0, "a process can be forked");
        if (id_ == 0) {
            ::alarm(60);
            if (has == Has::terminal)
                take_terminal(ends[1]);
            ::dup2(ends[1], STDOUT_FILENO);
            ::close(ends[0]);
            ::close(ends[1]);
            std::_Exit(function());
        }
        ::close(ends[1]);
        output_ = ends[0];
    }
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;
    ~Child() { ::close(output_); }

    pid_t id() const { return id_; }

    void interrupt() const { require(::kill(id_, SIGINT) == 0, "the child is sent a signal"); }

    void press_ctrl_c() const {
        require(::write(output_, "\x03", 1) == 1, "the terminal has a keyboard");
    }

    /// Blocks until it has said this.
    void wait_for(std::string_view text) {
        while (said_.find(text) == std::string::npos)
            require(read_more(), "the child says what is expected");
    }

    /// Blocks until it has ended. Returns what it has said.
    std::string const& rest() {
        while (read_more())
            continue;
        require(::waitpid(id_, &status_, 0) == id_, "the child ends");
        return said_;
    }

    // After rest().
    bool has_ended_with(int status) const {
        return WIFEXITED(status_) && WEXITSTATUS(status_) == status;
    }
    bool was_killed_by(int signal) const {
        return WIFSIGNALED(status_) && WTERMSIG(status_) == signal;
    }

private:
    static void open_terminal(int (&ends)[2]) {
        ends[0] = ::posix_openpt(O_RDWR | O_NOCTTY);
        require(ends[0] >= 0 && ::grantpt(ends[0]) == 0 && ::unlockpt(ends[0]) == 0, "a terminal");
        ends[1] = ::open(::ptsname(ends[0]), O_RDWR | O_NOCTTY);
        require(ends[1] >= 0, "its other side");
    }

    static void take_terminal(int terminal) {
        require(::setsid() >= 0, "a session");
        require(::ioctl(terminal, TIOCSCTTY, 0) == 0, "the session has the terminal");
        ::dup2(terminal, STDIN_FILENO);
    }

    bool read_more() {
        pollfd ready{output_, POLLIN, 0};
        require(::poll(&ready, 1, 30'000) == 1, "the child says something, or ends, within 30 s");
        char text[256];
        auto const count = ::read(output_, text, sizeof text);
        // A terminal whose other side is gone gives EIO.
        if (count <= 0)
            return false;
        for (char const c : std::string_view(text, static_cast<std::size_t>(count)))
            if (c != '\r')
                said_ += c;
        return true;
    }

    pid_t id_ = 0;
    int output_ = -1;
    int status_ = 0;
    std::string said_;
};

// --- what a child process does

constexpr int interrupted_status = 130;

void say(std::string_view line) {
    require(::write(STDOUT_FILENO, line.data(), line.size()) > 0, "the child can speak");
}

void handle_as_program(int) {
    say("handler\n");
}

// Ends when it is cancelled, after a clean-up that takes its time.
asio::awaitable<void> work() {
    say("started\n");
    co_await until_cancelled();
    co_await sleep_for(20ms);
    say("cleaned up\n");
    throw boost::system::system_error(asio::error::operation_aborted);
}

// Its clean-up never ends.
asio::awaitable<void> hang() {
    say("started\n");
    co_await until_cancelled();
    say("hangs\n");
    co_await sleep_for(24h);
}

template <class Run>
int status_of(Run run) {
    try {
        run();
        return EXIT_SUCCESS;
    } catch (std::system_error const& error) {
        require(error.code() == Errc::interrupted, error.what());
        say("interrupted\n");
        return interrupted_status;
    }
}

int work_on_thread_runner() {
    syncopate::ThreadRunner runner;
    return status_of([&] { runner.run_interruptible(work()); });
}

int work_on_runner() {
    syncopate::Runner runner;
    return status_of([&] { runner.run_interruptible(work()); });
}

int work_on_its_own_loop() {
    return status_of([] { syncopate::run_interruptible(work()); });
}

int work_through_a_portal() {
    asio::thread_pool pool(2);
    syncopate::BlockingPortal portal(pool);
    return status_of([&] { portal.run_interruptible(work()); });
}

int work_with_a_handler() {
    std::signal(SIGINT, handle_as_program);
    int const status = work_on_thread_runner();
    std::raise(SIGINT);
    return status;
}

int hang_on_thread_runner() {
    syncopate::ThreadRunner runner;
    runner.run_interruptible(hang());
    return EXIT_SUCCESS;
}

int hang_on_runner() {
    return syncopate::run_interruptible(hang()), EXIT_SUCCESS;
}

// The task does not notice the signal, and the process is to end by it all the same.
int notice_too_late() {
    syncopate::ThreadRunner runner;
    runner.run_interruptible([]() -> asio::awaitable<void> {
        ::kill(::getpid(), SIGINT);
        co_return;
    });
    return EXIT_SUCCESS;
}

void mask_interrupt(int how) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    require(::pthread_sigmask(how, &set, nullptr) == 0, "the mask can be changed");
}

// Only a thread that has nothing to do with the call takes the signal.
int work_while_another_thread_takes_signals() {
    mask_interrupt(SIG_BLOCK);
    std::thread([] {
        mask_interrupt(SIG_UNBLOCK);
        for (;;)
            std::this_thread::sleep_for(24h);
    }).detach();
    return work_on_thread_runner();
}

// All threads but the caller block the signal.
int work_while_other_threads_block_signals() {
    mask_interrupt(SIG_BLOCK);
    std::thread([] { std::this_thread::sleep_for(24h); }).detach();
    mask_interrupt(SIG_UNBLOCK);
    return work_on_runner();
}

[[noreturn]] void wait_for_signals() {
    for (;;)
        ::pause();
}

// Forks while a thread is in the call: the child has nothing to interrupt, the parent does not notice.
int fork_while_working() {
    syncopate::ThreadRunner runner;
    std::atomic<bool> has_started{false};
    std::atomic<bool> is_done{false};
    std::thread caller([&] {
        int const status = status_of([&] {
            runner.run_interruptible([&]() -> asio::awaitable<void> {
                has_started = true;
                co_await forever();
            });
        });
        require(status == interrupted_status, "the parent's caller is interrupted");
        is_done = true;
    });
    while (!has_started)
        std::this_thread::yield();

    pid_t const child = ::fork();
    if (child == 0)
        wait_for_signals();
    ::kill(child, SIGINT);
    int status = 0;
    require(::waitpid(child, &status, 0) == child, "the child ends");
    require(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "by its signal");
    std::this_thread::sleep_for(50ms);
    require(!is_done, "the parent's call goes on");

// ThreadSanitizer calls no handler in the child of a process that has several threads.
#ifndef SYNCOPATE_UNDER_THREAD_SANITIZER
    {
        Child working(work_on_its_own_loop);
        working.wait_for("started\n");
        working.interrupt();
        working.rest();
        require(working.has_ended_with(interrupted_status), "a call in the child is interrupted");
    }
    require(!is_done, "the parent's call still goes on");
#endif

    ::kill(::getpid(), SIGINT);
    caller.join();
    return interrupted_status;
}

// A program of its own, in the same process group: Ctrl-C at the terminal is for it, too.
int work_beside_a_program() {
    pid_t const program = ::fork();
    if (program == 0) {
        ::execlp("sleep", "sleep", "1000", nullptr);
        ::_exit(127);
    }
    int const status = work_on_thread_runner();
    int ended = 0;
    require(::waitpid(program, &ended, 0) == program, "the program ends");
    require(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGINT, "by the terminal's signal");
    return status;
}

// --- what the test does with it

void require_said(Child& child, std::string_view expected, char const* what) {
    if (auto const& said = child.rest(); said != expected)
        give_up(std::string(what) + ": it said\n" + said + "instead of\n" + std::string(expected));
}

void clean_up_comes_first(int (*function)(), char const* what) {
    Child child(function);
    child.wait_for("started\n");
    child.interrupt();
    require_said(child, "started\ncleaned up\ninterrupted\n", what);
    require(child.has_ended_with(interrupted_status), what);
}

void second_signal_ends_the_process(int (*function)(), char const* what) {
    Child child(function);
    child.wait_for("started\n");
    child.interrupt();
    child.wait_for("hangs\n");
    child.interrupt();
    require_said(child, "started\nhangs\n", what);
    require(child.was_killed_by(SIGINT), what);
}

}  // namespace

int main() {
    // As in a shell, whatever the test was started with.
    std::signal(SIGINT, SIG_DFL);
    mask_interrupt(SIG_UNBLOCK);

    clean_up_comes_first(work_on_thread_runner, "a ThreadRunner");
    clean_up_comes_first(work_on_runner, "a Runner");
    clean_up_comes_first(work_on_its_own_loop, "a loop for one task");
    clean_up_comes_first(work_through_a_portal, "a portal");
    clean_up_comes_first(work_while_another_thread_takes_signals, "another thread");
    clean_up_comes_first(work_while_other_threads_block_signals, "the caller's thread alone");

    second_signal_ends_the_process(hang_on_thread_runner, "a second signal, of a ThreadRunner");
    second_signal_ends_the_process(hang_on_runner, "a second signal, of a Runner");
    {
        Child child(notice_too_late);
        require_said(child, "", "a signal that comes too late");
        require(child.was_killed_by(SIGINT), "a signal that comes too late ends the process");
    }
    {
        Child child(work_with_a_handler);
        child.wait_for("started\n");
        child.interrupt();
        require_said(
            child, "started\ncleaned up\ninterrupted\nhandler\n",
            "the handler is back after the call");
    }
    {
        Child child(fork_while_working);
        require_said(child, "interrupted\n", "a fork during the call");
        require(child.has_ended_with(interrupted_status), "a fork during the call");
    }
    {
        Child child(work_beside_a_program, Child::Has::terminal);
        child.wait_for("started\n");
        child.press_ctrl_c();
        require_said(child, "started\n^Ccleaned up\ninterrupted\n", "the terminal's Ctrl-C");
        require(child.has_ended_with(interrupted_status), "the terminal's Ctrl-C");
    }
    {
        Child child(hang_on_runner, Child::Has::terminal);
        child.wait_for("started\n");
        child.press_ctrl_c();
        child.wait_for("hangs\n");
        child.press_ctrl_c();
        child.rest();
        require(child.was_killed_by(SIGINT), "the terminal's second Ctrl-C");
    }
}
