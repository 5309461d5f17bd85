// No descriptor is left: what needs one throws, what needs none works, contexts that have been entered are left, and
// the runner works afterwards. Needs a process of its own, because it takes all descriptors.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/runner.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <cstdlib>
#include <exception>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace support;
using syncopate::Runner;
using syncopate::ThreadRunner;

// While it lives, the process gets no descriptor.
class NoDescriptors {
public:
    NoDescriptors() {
        require(::getrlimit(RLIMIT_NOFILE, &before_) == 0, "the limit can be read");
        rlimit none = before_;
        none.rlim_cur = 0;
        require(::setrlimit(RLIMIT_NOFILE, &none) == 0, "the limit can be set");
        require(::open("/dev/null", O_RDONLY) < 0 && errno == EMFILE, "no descriptor is left");
    }
    NoDescriptors(NoDescriptors const&) = delete;
    NoDescriptors& operator=(NoDescriptors const&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

struct Context {
    asio::awaitable<int> aenter() {
        Tracked const frame;
        co_await asio::post(asio::use_awaitable);
        co_return ++entered;
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        Tracked const frame;
        co_await asio::post(asio::use_awaitable);
        ++left;
    }

    int& entered;
    int& left;
};

/// A task that needs a timer gets it, or the system's error.
template <class R>
void use_timer(R& runner) {
    try {
        require(runner.run(twice_later(21)) == 42, "the task gives its result");
    } catch (boost::system::system_error const& error) {
        require(error.code() == boost::system::errc::too_many_files_open, "the error says why");
    }
}

template <class R>
void use(R& runner) {
    require(runner.run(twice(21)) == 42, "a task without timers runs");
    require(
        runner.run(syncopate::with_task_group([](auto&) { return twice(21); })) == 42,
        "a group runs");
    require(runner.run(syncopate::to_thread([] { return 42; })) == 42, "a worker works");
    require(runner.call([] { return 42; }) == 42, "a function is called");
    int entered = 0;
    int left = 0;
    runner.wrap_context(Context{entered, left}).close();
    require(
        runner.with_context(Context{entered, left}, [](int i) { return i; }) == 2, "it is entered");
    runner.enter_context(Context{entered, left});
    use_timer(runner);
    require(runner.run(twice(21)) == 42, "the runner goes on");
    runner.close();
    require(entered == 3 && left == 3, "what was entered is left");
}

}  // namespace

int main() {
    Audit const audit;
    {
        NoDescriptors const none;
        ThreadRunner runner;
        use(runner);
    }
    {
        NoDescriptors const none;
        Runner runner;
        use(runner);
    }
    {
        ThreadRunner runner;
        {
            NoDescriptors const none;
            try {
                runner.run(twice_later(21));
            } catch (std::exception const&) {
                // No timer could be made.
            }
        }
        require(
            runner.run(twice_later(21)) == 42, "the runner works when there are descriptors again");
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
