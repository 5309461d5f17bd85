// Idea: one handle of a library that blocks, SQLite, for coroutines: it has a thread of its own, and timers stay on time
// while it computes.
#include <syncopate/gather.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/race.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <sqlite3.h>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Blocks. SQLite may be built so that a handle belongs to the thread that opened it.
class Database {
public:
    explicit Database(std::string const& file) : handle_(open(file), sqlite3_close) {}

    int ask(std::string const& query) {
        sqlite3_stmt* prepared = nullptr;
        sqlite3_prepare_v2(handle_.get(), query.c_str(), -1, &prepared, nullptr);
        std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> const statement(
            prepared, sqlite3_finalize);
        int const status = prepared ? sqlite3_step(prepared) : SQLITE_ERROR;
        if (status != SQLITE_ROW && status != SQLITE_DONE)
            throw std::runtime_error(sqlite3_errmsg(handle_.get()));
        return status == SQLITE_ROW ? sqlite3_column_int(prepared, 0) : 0;
    }

private:
    static sqlite3* open(std::string const& file) {
        sqlite3* opened = nullptr;
        if (sqlite3_open(file.c_str(), &opened) != SQLITE_OK)
            throw std::runtime_error("cannot open " + file);
        return opened;
    }

    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle_;
};

// The sum of the numbers up to a million, the hard way: it takes SQLite a while.
constexpr char const* long_query =
    "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 1000000) "
    "SELECT max(i) FROM number";

// Ticks until it is cancelled.
asio::awaitable<void> tick(int& ticks) {
    for (;; ++ticks)
        co_await syncopate::sleep(1ms);
}

asio::awaitable<void> compute(syncopate::OnThread<Database>& database) {
    int const largest = co_await database.run([](Database& db) { return db.ask(long_query); });
    std::cout << "the largest is " << largest << '\n';
}

asio::awaitable<void> program(syncopate::OnThread<Database>& database) {
    // Called one after another, first come, first served.
    auto const count = [](Database& db) { return db.ask("SELECT count(*) FROM fruit"); };
    co_await database.run([](Database& db) { return db.ask("CREATE TABLE fruit (name)"); });
    auto insert = database.run(
        [](Database& db) { return db.ask("INSERT INTO fruit VALUES ('apple'), ('pear')"); });
    auto const [inserted, counted] =
        co_await syncopate::gather(std::move(insert), database.run(count));
    std::cout << counted << " kinds of fruit\n";

    int ticks = 0;
    co_await syncopate::race(compute(database), tick(ticks));
    std::cout << (ticks > 5 ? "and the loop went on meanwhile\n" : "and the loop stood still\n");
}

int main() {
    syncopate::OnThread<Database> database{":memory:"};
    syncopate::ThreadRunner runner;
    runner.run(program(database));
    try {
        runner.run(database.run([](Database& db) { return db.ask("SELECT nonsense"); }));
    } catch (std::runtime_error const& error) {
        std::cout << error.what() << '\n';
    }
}
