// Idea: what belongs to the main thread, a database and a progress bar, stays there, and tasks use it.
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <sqlite3.h>

namespace asio = boost::asio;

// A connection that only the thread may use that opened it.
class Database {
public:
    Database() {
        sqlite3* opened = nullptr;
        if (sqlite3_open(":memory:", &opened) != SQLITE_OK)
            throw std::runtime_error("SQLite: cannot open");
        connection_.reset(opened);
        execute("CREATE TABLE page (name TEXT, bytes INTEGER)");
    }

    void insert(std::string const& name, int bytes) {
        execute("INSERT INTO page VALUES ('" + name + "', " + std::to_string(bytes) + ")");
        ++rows_;
    }
    int rows() const { return rows_; }

private:
    void execute(std::string const& statement) {
        if (std::this_thread::get_id() != owner_)
            throw std::logic_error("the database was used on a foreign thread");
        if (sqlite3_exec(connection_.get(), statement.c_str(), nullptr, nullptr, nullptr) !=
            SQLITE_OK)
            throw std::runtime_error(sqlite3_errmsg(connection_.get()));
    }

    std::thread::id const owner_ = std::this_thread::get_id();
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection_{nullptr, sqlite3_close};
    int rows_ = 0;
};

asio::awaitable<void> load(Database& database, int number, int total) {
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds(number)};
    co_await timer.async_wait(asio::use_awaitable);

    std::string const name = "page " + std::to_string(number);
    co_await syncopate::to_calling_thread([&] {
        database.insert(name, 100 * number);
        std::cout << "loaded " << database.rows() << " of " << total << '\n';
    });
}

int main() {
    constexpr int total = 4;
    Database database;
    syncopate::ThreadRunner runner;
    runner.run(
        syncopate::with_task_group([&](syncopate::TaskGroup& group) -> asio::awaitable<void> {
            for (int number = 1; number <= total; ++number)
                group.start_soon(load(database, number, total));
            co_return;
        }));
    std::cout << database.rows() << " rows\n";
}
