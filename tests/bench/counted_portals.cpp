#include "counted_portals.hpp"

#include "peers.hpp"
#include <syncopate/blocking_portal.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <thread>

namespace bench {
namespace {

/// A portal of somebody else's loop, whose one thread runs it.
template <class Executor>
void through_portal(Executor const& executor, int count) {
    syncopate::BlockingPortal portal(
        executor, syncopate::Options().spin(std::chrono::nanoseconds::zero()));
    for (int i = 0; i < count; ++i)
        static_cast<void>(portal.run(twice(i)));
}

}  // namespace

void portal_call(int count) {
    asio::io_context context(1);
    auto work = asio::make_work_guard(context);
    std::thread runs([&] { context.run(); });
    through_portal(context.get_executor(), count);
    work.reset();
    runs.join();
}

void portal_of_strand(int count) {
    asio::thread_pool pool(1);
    through_portal(asio::make_strand(pool), count);
}

}  // namespace bench
