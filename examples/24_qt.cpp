// Idea: a window of Qt fetches over HTTP on the thread of its loop, in coroutines, and in a handler that blocks: its clock
// goes on meanwhile.
#include "support/http_server.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/guest_runner.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/awaitable.hpp>

#include <QApplication>
#include <QEventLoop>
#include <QMetaObject>
#include <QObject>
#include <QPushButton>
#include <QString>
#include <QTimer>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace asio = boost::asio;
namespace http = syncopate::http;
using namespace std::chrono_literals;

std::string answer_slowly(example::Request const& request) {
    std::this_thread::sleep_for(20ms);
    return "news of " + std::string(request.target().substr(1));
}

asio::awaitable<std::string> text_of(http::ClientSession& session, std::string url) {
    http::Response response = co_await session.get(std::move(url));
    co_return co_await response.text();
}

int main(int argc, char* argv[]) {
    QApplication const application(argc, argv);
    example::HttpServer const server{answer_slowly};

    QPushButton button("?");
    button.show();
    int ticks = 0;
    QTimer clock;
    QObject::connect(&clock, &QTimer::timeout, [&] { ++ticks; });
    clock.start(1ms);

    auto const queue = std::make_shared<QObject>();
    {
        // The second function is for calls that block on this thread.
        syncopate::GuestRunner guest(
            [queue](std::function<void()> function) {
                QMetaObject::invokeMethod(&*queue, std::move(function), Qt::QueuedConnection);
            },
            [] { QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents); });
        auto& session = guest.enter_context([] { return http::ClientSession(); });

        // A handler that cannot be a coroutine.
        http::Client client(guest);
        QObject::connect(&button, &QPushButton::clicked, [&] {
            ticks = 0;
            button.setText(QString::fromStdString(client.get(server.url("/today")).text()));
            std::cout << button.text().toStdString() << (ticks > 0 ? ", ticking\n" : "?\n");
            QApplication::quit();
        });

        guest.start_soon([&]() -> asio::awaitable<void> {
            auto const [one, other] = co_await syncopate::gather(
                text_of(session, server.url("/here")), text_of(session, server.url("/there")));
            button.setText(QString::fromStdString(one + ", " + other));
            std::cout << button.text().toStdString() << (ticks > 0 ? ", ticking\n" : "?\n");
            QTimer::singleShot(0, &button, &QPushButton::click);  // somebody presses it
        });
        QApplication::exec();

        // While the loop can still be turned: leaves the session, and waits until no task is left.
        client.close();
        guest.close();
    }
    // The runner's own thread may still be queueing something. It lets go of the function soon.
    while (queue.use_count() > 1)
        QCoreApplication::processEvents();
}
