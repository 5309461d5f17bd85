// Idea: a blocking client of an MQTT broker: Boost.MQTT5, which is only asynchronous, on a loop of its own.
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/mqtt5/mqtt_client.hpp>
#include <boost/mqtt5/types.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <tuple>

namespace mqtt = boost::mqtt5;
using namespace std::chrono_literals;

class Mqtt {
public:
    Mqtt(syncopate::RunnerBase& runner, int port) : client_(runner) {
        client_.start_soon([port](auto& c) {
            return c.brokers("127.0.0.1", static_cast<unsigned short>(port)).async_run();
        });
    }

    void subscribe(std::string const& topic) {
        // One's own messages, too.
        mqtt::subscribe_topic const all{topic, {.no_local = mqtt::no_local_e::no}};
        client_.run_for(5s, [&](auto& c) { return c.async_subscribe(all, {}); });
    }
    void publish(std::string const& topic, std::string const& text) {
        client_.run_for(5s, [&](auto& c) {
            return c.template async_publish<mqtt::qos_e::at_least_once>(
                topic, text, mqtt::retain_e::no, {});
        });
    }
    std::string receive(std::chrono::milliseconds timeout) {
        return std::get<1>(client_.run_for(timeout, [](auto& c) { return c.async_receive(); }));
    }

private:
    syncopate::OnLoop<mqtt::mqtt_client<boost::asio::ip::tcp::socket>> client_;
};

int main(int, char** argv) {
    syncopate::ThreadRunner runner;
    Mqtt client(runner, std::stoi(argv[1]));
    client.subscribe("news");
    for (char const* const text : {"one", "two"})
        client.publish("news", text);
    for (int i = 0; i < 2; ++i)
        std::cout << client.receive(5s) << '\n';
    try {
        client.receive(100ms);
    } catch (std::exception const& error) {
        std::cout << error.what() << '\n';
    }
}
