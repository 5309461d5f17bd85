// A hop of a task through the main loop of a host, beside a function of the host's own: GLib's loop, and Qt's.

#include "bench.hpp"
#include <syncopate/guest_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <QCoreApplication>
#include <QEventLoop>
#include <QMetaObject>
#include <functional>
#include <string>
#include <utility>

#include <glib.h>

namespace {

using namespace bench;
namespace asio = boost::asio;
using Function = std::function<void()>;

struct Glib {
    static void post(Function function) {
        auto const call = [](gpointer data) -> gboolean {
            (*static_cast<Function*>(data))();
            return G_SOURCE_REMOVE;
        };
        auto const destroy = [](gpointer data) { delete static_cast<Function*>(data); };
        g_idle_add_full(G_PRIORITY_DEFAULT, call, new Function(std::move(function)), destroy);
    }
    static void turn() { g_main_context_iteration(nullptr, TRUE); }
};

struct Qt5 {
    static void post(Function function) {
        QMetaObject::invokeMethod(
            QCoreApplication::instance(), std::move(function), Qt::QueuedConnection);
    }
    static void turn() { QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents); }
};

asio::awaitable<void> hop(int count) {
    for (int i = 0; i < count; ++i)
        co_await asio::post(asio::use_awaitable);
}

constexpr int count = 2000;

template <class Host>
void add_host(std::string const& workload) {
    add(workload, Place::one_core, "plain", [](benchmark::State& state, Place place) {
        Placed const placed(place);
        for (auto _ : state) {
            int hops = 0;
            auto const start = Clock::now();
            while (hops < count) {
                Host::post([&] { ++hops; });
                Host::turn();
            }
            set_time(state, seconds_since(start), count);
        }
    })->UseManualTime();
    add(workload, Place::one_core, "syncopate", [](benchmark::State& state, Place place) {
        syncopate::GuestRunner guest{Host::post, Host::turn};
        guest.run(hop(1));
        Placed const placed(place);
        for (auto _ : state) {
            auto const start = Clock::now();
            guest.run(hop(count));
            set_time(state, seconds_since(start), count);
        }
        guest.close();
    })->UseManualTime();
}

}  // namespace

int main(int argc, char* argv[]) {
    QCoreApplication const application(argc, argv);
    add_host<Glib>("hop_through_glib");
    add_host<Qt5>("hop_through_qt");
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
