#include "counted_stopped.hpp"

#include "peers.hpp"
#include <syncopate/runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <stop_token>
#include <system_error>

namespace bench {

/// A call that is asked to stop while its task waits.
void stopped_call(int count) {
    syncopate::Runner runner;
    for (int i = 0; i < count; ++i) {
        std::stop_source source;
        auto const stop_and_wait = [&]() -> asio::awaitable<int> {
            source.request_stop();
            co_await sleep_for(std::chrono::hours(1));
            co_return i;
        };
        try {
            static_cast<void>(runner.run(stop_and_wait, source.get_token()));
        } catch (std::system_error const&) {  // NOLINT(bugprone-empty-catch): it was stopped
        }
    }
}

}  // namespace bench
