// Idea: a library that blocks, SQLite, answers many requests at once, on worker threads.
// In the article: requests in run_in_executor.
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>

#include <iostream>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlite3.h>

namespace asio = boost::asio;

// Blocks until SQLite has the answer. Each call has a connection of its own.
int ask(std::string const& query) {
    sqlite3* opened = nullptr;
    int const status = sqlite3_open(":memory:", &opened);
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> const database(opened, sqlite3_close);
    if (status != SQLITE_OK)
        throw std::runtime_error("SQLite: cannot open");

    sqlite3_stmt* prepared = nullptr;
    sqlite3_prepare_v2(opened, query.c_str(), -1, &prepared, nullptr);
    std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> const statement(
        prepared, sqlite3_finalize);
    if (!prepared || sqlite3_step(prepared) != SQLITE_ROW)
        throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(opened));
    return sqlite3_column_int(prepared, 0);
}

// The sum of the numbers below n, the hard way.
std::string sum_below(int n) {
    return "WITH RECURSIVE number(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < " +
           std::to_string(n) + ") SELECT sum(i) FROM number";
}

// At most four connections at once, however many ask. (A parameter, and not a capture, of a coroutine
// that outlives this line.)
asio::awaitable<int> answer(syncopate::CapacityLimiter& connections, std::string query) {
    auto function = [&query] { return ask(query); };
    co_return co_await syncopate::to_thread(function, connections);
}

int main() {
    syncopate::CapacityLimiter connections{4};
    syncopate::ThreadRunner runner;

    std::vector<asio::awaitable<int>> requests;
    for (int n = 1; n <= 50; ++n)
        requests.push_back(answer(connections, sum_below(n * 100)));
    auto const answers = runner.run(syncopate::gather(std::move(requests)));
    std::cout << answers.size() << " answers, from " << answers.front() << " to " << answers.back()
              << '\n';

    try {
        runner.run(answer(connections, "SELECT nonsense"));
    } catch (std::runtime_error const& error) {
        std::cout << error.what() << '\n';
    }
}
