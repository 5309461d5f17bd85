// ServerProcess: the small process that makes the workers of the ProcessPools of its parent, kills them, and tells of
// their ends.
#pragma once

#include <syncopate/detail/process/descriptor.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/worker_process.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

/// It is forked before its parent has threads, and never has any itself, so its children are whole. Only it may kill a
/// worker: it is the one that takes notice of their ends, so the number of a worker that it knows is not that of another
/// process by now.
///
/// It ends with its parent, however that ends: its socket is closed then, and where another child of the parent's has
/// inherited the other end, the signal tells it. Its workers end with it, since the system kills them.
///
/// It and its workers have process groups of their own: Ctrl-C is for the program, which cancels what it waits for.
class ServerProcess {
public:
    /// socket: to the parent. first_slot: of those that it shares. parent: its id.
    ServerProcess(int socket, WorkerSlot* first_slot, pid_t parent) noexcept
        : parent_(parent), slots_(first_slot), main_(become_server(socket, parent)) {}

    /// Does not return.
    [[noreturn]] void run() noexcept {
        while (!is_parent_gone()) {
            look_for_ends();
            kill_overdue();
            close_sessions();
            wait();
            if (!take_sessions())
                break;
            for (auto const& session : sessions_) {
                send_unsent(*session);
                obey(*session);
            }
        }
        for (Child const& child : children_)
            kill(child.id);
        // Not for what has left their groups, and may live on.
        for (Child const& child : children_) {
            while (::waitpid(child.id, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
        ::_exit(0);
    }

private:
    using Clock = std::chrono::steady_clock;

    /// A pool. When it has closed its end, its workers are killed, and then the other end is closed. Nobody waits for
    /// a pool that does not listen: it may be waiting for this process, and the other pools would wait, too.
    struct Session {
        explicit Session(Descriptor its_socket) noexcept : socket(std::move(its_socket)) {}
        Descriptor socket;
        std::vector<ServerMessage> unsent;
        bool is_ending = false;
    };

    struct Child {
        pid_t id = 0;
        std::uint32_t slot = 0;
        Session* session = nullptr;
        std::optional<Clock::time_point> deadline;
        bool was_forced = false;
    };

    static constexpr std::chrono::milliseconds time_to_end{200};
    // The signal by which the system tells that a thread of the parent's has ended.
    static constexpr int parent_signal = SIGHUP;

    static Descriptor become_server(int socket, pid_t parent) noexcept {
        close_all_but(socket);
        replace_standard_descriptors();
        close_all_but(socket);
        ::setpgid(0, 0);
        reset_signals();
        block_own_signals();
        ::prctl(PR_SET_PDEATHSIG, parent_signal);
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans of a killed worker leave no zombies, either
        ::prctl(PR_SET_NAME, "process server");
        if (::getppid() != parent)
            ::_exit(0);
        return Descriptor(socket);
    }

    /// No input, and no output where the program has none: the next socket would have its number, and what a function
    /// prints would go there.
    static void replace_standard_descriptors() noexcept {
        int const nothing = ::open("/dev/null", O_RDWR);
        for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            if (number == STDIN_FILENO || ::fcntl(number, F_GETFD) < 0)
                ::dup2(nothing, number);
        }
    }

    /// The handlers are the program's, and know its threads. What it ignores stays ignored.
    static void reset_signals() noexcept {
        for (int number = 1; number < NSIG; ++number) {
            struct sigaction action = {};
            if (::sigaction(number, nullptr, &action) != 0)
                continue;
            bool const is_handled = (action.sa_flags & SA_SIGINFO) ||
                                    (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
            if (!is_handled && number != SIGCHLD)
                continue;
            action = {};
            action.sa_handler = SIG_DFL;
            ::sigaction(number, &action, nullptr);
        }
    }

    /// They are let in while the process waits, and only wake it then.
    static void block_own_signals() noexcept {
        sigset_t own;
        sigemptyset(&own);
        for (int const number : {SIGCHLD, parent_signal}) {
            struct sigaction action = {};
            action.sa_handler = [](int) {};
            ::sigaction(number, &action, nullptr);
            sigaddset(&own, number);
        }
        ::pthread_sigmask(SIG_SETMASK, &own, nullptr);
    }

    bool is_parent_gone() const noexcept { return ::getppid() != parent_; }

    void wait() noexcept {
        std::vector<pollfd> sockets{{main_.get(), POLLIN, 0}};
        for (auto const& session : sessions_) {
            // At its end a socket is readable for ever.
            short const readable = session->is_ending ? 0 : POLLIN;
            short const writable = session->unsent.empty() ? 0 : POLLOUT;
            if (auto const events = static_cast<short>(readable | writable); events != 0)
                sockets.push_back({session->socket.get(), events, 0});
        }
        bool const has_deadline = std::ranges::any_of(
            children_, [](Child const& child) { return child.deadline.has_value(); });
        timespec const while_expecting{0, 10'000'000};
        sigset_t none;
        sigemptyset(&none);
        ::ppoll(sockets.data(), sockets.size(), has_deadline ? &while_expecting : nullptr, &none);
    }

    /// Returns false at the end.
    bool take_sessions() {
        for (;;) {
            ServerMessage message;
            Descriptor socket;
            switch (receive_with_descriptor(main_.get(), message, socket)) {
            case Receipt::nothing: return true;
            case Receipt::end: return false;
            case Receipt::message:
                if (socket)
                    sessions_.push_back(std::make_unique<Session>(std::move(socket)));
            }
        }
    }

    void obey(Session& session) {
        while (!session.is_ending) {
            ServerMessage message;
            Descriptor socket;
            switch (receive_with_descriptor(session.socket.get(), message, socket)) {
            case Receipt::nothing: return;
            case Receipt::end: end(session); return;
            case Receipt::message: obey(session, message, socket);
            }
        }
    }

    void obey(Session& session, ServerMessage const& message, Descriptor const& socket) {
        if (message.kind == ServerMessage::Kind::make_one && !socket)
            return tell(session, {ServerMessage::Kind::failed, message.slot, EMFILE, 0});
        if (message.kind == ServerMessage::Kind::make_one)
            return make(session, message.slot, socket.get());
        for (Child& child : children_) {
            if (child.session != &session || child.slot != message.slot)
                continue;
            if (message.kind == ServerMessage::Kind::kill)
                kill(child.id);
            else
                child.deadline = Clock::now() + time_to_end;
        }
    }

    void end(Session& session) noexcept {
        session.is_ending = true;
        for (Child const& child : children_) {
            if (child.session == &session)
                kill(child.id);
        }
    }

    void make(Session& session, std::uint32_t slot, int socket) {
        children_.reserve(children_.size() + 1);
        pid_t const id = ::fork();
        if (id == 0)
            become_worker(socket, slot);
        if (id < 0)
            return tell(session, {ServerMessage::Kind::failed, slot, errno, 0});
        ::setpgid(id, id);  // it may be killed before it has done so itself
        children_.push_back({id, slot, &session, {}, false});
    }

    [[noreturn]] void become_worker(int socket, std::uint32_t slot) noexcept {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::prctl(PR_SET_NAME, "process worker");
        close_all_but(socket);
        for (int const number : {SIGCHLD, parent_signal}) {
            struct sigaction action = {};
            action.sa_handler = SIG_DFL;
            ::sigaction(number, &action, nullptr);
        }
        sigset_t none;
        sigemptyset(&none);
        ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
        if (::getppid() != id_)  // the server has ended before it was asked to tell
            ::_exit(0);
        WorkerProcess(socket, slots_[slot]).run();
    }

    static void tell(Session& session, ServerMessage const& message) {
        session.unsent.push_back(message);
        send_unsent(session);
    }

    static void send_unsent(Session& session) noexcept {
        auto const first_unsent = std::ranges::find_if_not(
            session.unsent, [&](ServerMessage const& message) { return send(session, message); });
        session.unsent.erase(session.unsent.begin(), first_unsent);
    }

    /// Returns false if the socket takes no more now. To a pool that has gone everything is sent.
    static bool send(Session const& session, ServerMessage const& message) noexcept {
        for (;;) {
            auto const sent =
                ::send(session.socket.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent >= 0 || errno == EPIPE || errno == ECONNRESET)
                return true;
            if (errno != EINTR)
                return false;
        }
    }

    /// With all that it has started, unless that has left its group.
    static void kill(pid_t id) noexcept {
        ::kill(-id, SIGKILL);
        ::kill(id, SIGKILL);
    }

    void kill_overdue() noexcept {
        for (Child& child : children_) {
            if (!child.deadline || Clock::now() < *child.deadline)
                continue;
            child.deadline.reset();
            child.was_forced = true;
            kill(child.id);
        }
    }

    void look_for_ends() noexcept {
        int status = 0;
        for (pid_t id = 0; (id = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            auto const child = std::ranges::find(children_, id, &Child::id);
            if (child == children_.end())
                continue;
            tell(
                *child->session,
                {ServerMessage::Kind::ended, child->slot, status, child->was_forced ? 1U : 0U});
            children_.erase(child);
        }
    }

    void close_sessions() noexcept {
        std::erase_if(sessions_, [this](auto const& session) {
            return session->is_ending && session->unsent.empty() &&
                   std::ranges::none_of(children_, [&](Child const& child) {
                       return child.session == session.get();
                   });
        });
    }

    pid_t const parent_;
    pid_t const id_ = ::getpid();
    WorkerSlot* const slots_;
    Descriptor const main_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::vector<Child> children_;
};

}  // namespace syncopate::inline v0_1::detail
