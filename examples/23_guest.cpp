// Idea: a program whose main loop is GLib's, as GTK's is, runs coroutines on that very thread: the window, or here a clock
// that ticks, goes on while a task waits.
#include <syncopate/guest_runner.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <thread>
#include <utility>

#include <glib.h>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Has GLib call the function on the thread of its main loop. From any thread.
void call_in_main_loop(std::function<void()> function) {
    auto const call = [](gpointer data) -> gboolean {
        (*static_cast<std::function<void()>*>(data))();
        return G_SOURCE_REMOVE;
    };
    auto const destroy = [](gpointer data) { delete static_cast<std::function<void()>*>(data); };
    g_idle_add_full(
        G_PRIORITY_DEFAULT, call, new std::function<void()>(std::move(function)), destroy);
}

int main() {
    GMainLoop* const loop = g_main_loop_new(nullptr, FALSE);
    auto const main_thread = std::this_thread::get_id();
    int ticks = 0;
    auto const clock = g_timeout_add(
        1,
        [](gpointer data) -> gboolean {
            ++*static_cast<int*>(data);
            return G_SOURCE_CONTINUE;
        },
        &ticks);

    syncopate::GuestRunner guest{call_in_main_loop};
    guest.start_soon([&]() -> asio::awaitable<void> {
        co_await syncopate::sleep(30ms);
        auto work = [] { std::this_thread::sleep_for(30ms); };
        co_await syncopate::to_thread(std::move(work));
        std::cout << (std::this_thread::get_id() == main_thread ? "on the main thread\n" : "?\n");
        std::cout << (ticks >= 5 ? "and the clock went on\n" : "and the clock stood still\n");
        g_main_loop_quit(loop);
    });
    g_main_loop_run(loop);

    // It is destroyed on the thread of the loop, which goes on until the last of it has been called.
    g_source_remove(clock);
    g_main_loop_unref(loop);
}
