// system::shut_down(): shuts an io_context down, also where Asio waits for work that somebody still counts.
#pragma once

#if defined(_WIN32)
#include <syncopate/asio.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)

#include <atomic>
#include <chrono>
#include <thread>
#endif

namespace syncopate::inline v0_1::detail::system {

#if defined(_WIN32)
/// Asio's io_context of Windows waits until no work is counted. Handlers are destroyed by it. But a work guard or a
/// tracked executor that a user holds would keep it for ever, and elsewhere does not: after a time in which all
/// handlers have gone it is taken off the count. When its owner lets go of it later, nobody looks at the count.
template <class Shutdown>
void shut_down(asio::io_context& context, Shutdown shutdown) {
    using namespace std::chrono_literals;
    std::atomic<bool> is_done{false};
    std::thread impatient([&context, &is_done] {
        for (int step = 0; !is_done; ++step) {
            std::this_thread::sleep_for(step < 100 ? 1ms : 20ms);
            if (step < 150 || is_done)
                continue;
            asio::use_service<asio::detail::io_context_impl>(context).work_finished();
            asio::post(context, [] {});  // has Asio look at the count
        }
    });
    shutdown();
    is_done = true;
    impatient.join();
}
#else
template <class Context, class Shutdown>
void shut_down(Context& /*context*/, Shutdown shutdown) {
    shutdown();
}
#endif

}  // namespace syncopate::inline v0_1::detail::system
