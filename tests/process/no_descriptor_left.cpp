// No descriptor is left, or one, or two, ...: what needs more throws, what needs none works, contexts that have been
// entered are left, and the runner works afterwards. Needs a process of its own, because it takes all descriptors.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <system_error>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using namespace support;
using syncopate::Runner;
using syncopate::ThreadRunner;

// While it lives, the process gets so many descriptors more.
class FewDescriptors {
public:
    explicit FewDescriptors(rlim_t more) {
        // The lowest that is free: there are no gaps below it.
        int const next = ::open("/dev/null", O_RDONLY);
        require(next >= 0 && ::close(next) == 0, "there is one");
        require(::getrlimit(RLIMIT_NOFILE, &before_) == 0, "the limit can be read");
        rlimit few = before_;
        few.rlim_cur = static_cast<rlim_t>(next) + more;
        require(::setrlimit(RLIMIT_NOFILE, &few) == 0, "the limit can be set");
        if (more == 0)
            require(::open("/dev/null", O_RDONLY) < 0 && errno == EMFILE, "no descriptor is left");
    }
    FewDescriptors(FewDescriptors const&) = delete;
    FewDescriptors& operator=(FewDescriptors const&) = delete;
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

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

/// What needs a descriptor gets it, or the system's error.
template <class F>
void use_descriptor(F function) {
    try {
        require(function() == 42, "the result is given");
    } catch (boost::system::system_error const& error) {
        require(error.code() == boost::system::errc::too_many_files_open, error.what());
    } catch (std::system_error const& error) {
        require(error.code() == std::errc::too_many_files_open, error.what());
    }
}

syncopate::AsyncGenerator<int> numbers() {
    for (int i = 0; i < 7; ++i) {
        if (i == 4)
            co_await asio::post(asio::deferred);
        co_yield i * 2;
    }
}

template <class R>
int read_ahead(R& runner) {
    int sum = 0;
    for (int i : runner.wrap_iter(numbers(), syncopate::ReadAhead(2)))
        sum += i;
    return sum;
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
    use_descriptor([&] { return read_ahead(runner); });
    use_descriptor([&] { return runner.run(twice_later(21)); });
    use_descriptor([&] {
        runner.run(sleep_for(std::chrono::milliseconds(1)));
        return 42;
    });
    use_descriptor([&] { return runner.run_interruptible(twice(21)); });
    use_descriptor([&] { return runner.run(syncopate::fail_after(1h, twice(21))); });
    use_descriptor([&] { return runner.run_for(1h, twice(21)); });
    require(runner.run(twice(21)) == 42, "the runner goes on");
    runner.close();
    require(entered == 3 && left == 3, "what was entered is left");
}

template <class R>
void use_with(rlim_t descriptors) {
    R runner;
    {
        FewDescriptors const few(descriptors);
        use(runner);
    }
}

}  // namespace

int main() {
    Audit const audit;
    // An io_context takes three, and what tells of Ctrl-C one.
    for (rlim_t descriptors = 0; descriptors < 6; ++descriptors) {
        use_with<ThreadRunner>(descriptors);
        use_with<Runner>(descriptors);
        ThreadRunner runner;
        {
            FewDescriptors const few(descriptors);
            use_descriptor([&] { return runner.run(twice_later(21)); });
        }
        require(
            runner.run(twice_later(21)) == 42, "the runner works when there are descriptors again");
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
