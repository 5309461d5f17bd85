// Idea: a blocking client of PostgreSQL whose queries can be given up. libpq has no coroutines: it tells its socket, and
// Asio waits for that.
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <libpq-fe.h>
#include <unistd.h>

namespace asio = boost::asio;
using namespace std::chrono_literals;

class Database {
public:
    Database(asio::any_io_executor const& executor, std::string const& where)
        : connection_(PQconnectdb(where.c_str()), PQfinish),
          socket_(executor, ::dup(PQsocket(connection_.get()))) {}

    // Gives the first field of the first row.
    asio::awaitable<std::string> ask(std::string query) {
        if (!PQsendQuery(connection_.get(), query.c_str()))
            throw std::runtime_error(PQerrorMessage(connection_.get()));
        while (PQisBusy(connection_.get())) {
            co_await socket_.async_wait(
                asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
            PQconsumeInput(connection_.get());
        }
        Result result{nullptr, PQclear};
        while (Result next{PQgetResult(connection_.get()), PQclear})
            result = std::move(next);
        if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
            throw std::runtime_error(PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY));
        co_return PQgetvalue(result.get(), 0, 0);
    }

private:
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
    asio::posix::stream_descriptor socket_;
};

int main() {
    syncopate::ThreadRunner runner;
    syncopate::OnLoop<Database> database(runner, "");  // where the environment says
    auto const ask = [&](std::string const& query) {
        try {
            std::cout << database.run_for(2s, [&](Database& d) { return d.ask(query); }) << '\n';
        } catch (std::exception const& error) {
            std::cout << "failed: " << error.what() << '\n';
        }
    };
    ask("SELECT sum(number) FROM generate_series(1, 100) AS number");
    ask("SELECT 1 / 0");
    ask("SELECT 'still here'");
    ask("SELECT pg_sleep(60)");
}
