// Idea: a blocking client of MySQL and MariaDB: Boost.MySQL's asynchronous connection, on a loop of its own.
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/mysql/any_connection.hpp>
#include <boost/mysql/connect_params.hpp>
#include <boost/mysql/results.hpp>
#include <boost/mysql/with_params.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

namespace mysql = boost::mysql;
using namespace std::chrono_literals;

class MySql {
public:
    MySql(syncopate::RunnerBase& runner, mysql::connect_params params)
        : params_(std::move(params)), connection_(runner) {
        connect();
    }

    // Again after a statement that was given up: its answer may still come.
    void connect() {
        connection_.run_for(5s, [&](auto& c) { return c.async_connect(params_); });
    }

    mysql::results execute(
        std::chrono::milliseconds timeout,
        mysql::constant_string_view statement,
        auto const&... values) {
        mysql::results results;
        connection_.run_for(timeout, [&](auto& c) {
            return c.async_execute(mysql::with_params(statement, values...), results);
        });
        return results;
    }

private:
    mysql::connect_params const params_;
    syncopate::OnLoop<mysql::any_connection> connection_;
};

int main(int, char** argv) {
    mysql::connect_params params;
    params.server_address.emplace_host_and_port(
        "127.0.0.1", static_cast<unsigned short>(std::stoi(argv[1])));
    params.username = "tester";
    params.password = "secret";
    params.database = "shop";
    syncopate::ThreadRunner runner;
    MySql client(runner, params);
    client.execute(5s, "CREATE TEMPORARY TABLE fruit (name VARCHAR(9) PRIMARY KEY, price INT)");
    client.execute(5s, "INSERT INTO fruit VALUES ({}, {}), ({}, {})", "apple", 3, "pear", 4);
    auto const fruit = client.execute(5s, "SELECT * FROM fruit ORDER BY name");
    for (auto const row : fruit.rows())
        std::cout << row.at(0) << ' ' << row.at(1) << '\n';
    try {
        client.execute(5s, "INSERT INTO fruit VALUES ({}, {})", "apple", 5);
    } catch (mysql::error_with_diagnostics const& error) {
        std::cout << error.get_diagnostics().server_message() << '\n';
    }
    try {
        client.execute(100ms, "SELECT SLEEP(60)");
    } catch (std::exception const& error) {
        std::cout << error.what() << '\n';
    }
    client.connect();
    std::cout << client.execute(5s, "SELECT {} + 1", 41).rows().at(0).at(0) << '\n';
}
