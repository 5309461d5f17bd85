// Idea: a plug-in for a host that is synchronous for ever. SQLite calls functions, and each waits for the network on a loop
// that the plug-in has. The host's Ctrl-C cancels them.
//
//   sqlite3 :memory: ".load ./http_extension" "SELECT http_get('http://localhost:8000/')"
//   sqlite3 :memory: ".load ./http_extension" "SELECT line FROM http_lines('http://localhost:8000/') LIMIT 3"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;
using syncopate::AsyncGenerator;

/// One loop and one session for all connections of the process. Both begin with the first use.
struct Network {
    syncopate::ThreadRunner runner;
    http::ClientSession& session = runner.enter_context([] { return http::ClientSession{}; });
};

Network& network() {
    static Network instance;
    return instance;
}

asio::awaitable<std::string> text_of(http::ClientSession& session, std::string url) {
    http::Response response = co_await session.get(std::move(url));
    co_return co_await response.raise_for_status().text();
}

/// The exchange ends with the generator, whether all lines have been read or not.
AsyncGenerator<std::string> lines_of(http::ClientSession& session, std::string url) {
    http::Response response = co_await session.get(std::move(url));
    auto lines = response.raise_for_status().content().lines();
    while (auto line = co_await lines.anext())
        co_yield std::move(*line);
}

// --- SELECT http_get(url)

void http_get(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
    auto const* const url = reinterpret_cast<char const*>(sqlite3_value_text(arguments[0]));
    if (!url)
        return sqlite3_result_null(context);
    try {
        auto& [runner, session] = network();
        std::string const text = runner.run_interruptible(text_of(session, url));
        sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    } catch (std::system_error const& error) {
        sqlite3_result_error(context, error.what(), -1);
        if (error.code() == syncopate::Errc::interrupted)
            sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    } catch (std::exception const& error) {
        sqlite3_result_error(context, error.what(), -1);
    }
}

// --- SELECT line FROM http_lines(url)

struct Cursor : sqlite3_vtab_cursor {
    std::string url;
    std::optional<AsyncGenerator<std::string>> lines;
    std::optional<std::string> line;
    sqlite3_int64 number = 0;

    void open(std::string its_url) {
        close();
        url = std::move(its_url);
        number = 0;
        lines.emplace(lines_of(network().session, url));
        next();
    }

    void next() {
        line = network().runner.run_interruptible(lines->anext());
        ++number;
    }

    void close() {
        if (lines)
            network().runner.run(lines->aclose());
        lines.reset();
    }
};

Cursor& cursor_of(sqlite3_vtab_cursor* cursor) noexcept {
    return static_cast<Cursor&>(*cursor);
}

/// What a function for SQLite returns, and the message that the table keeps for it.
template <class F>
int result_of(sqlite3_vtab* table, F function) noexcept {
    auto const fail = [table](char const* text, int code) {
        sqlite3_free(table->zErrMsg);
        table->zErrMsg = sqlite3_mprintf("%s", text);
        return code;
    };
    try {
        function();
        return SQLITE_OK;
    } catch (std::system_error const& error) {
        bool const was_interrupted = error.code() == syncopate::Errc::interrupted;
        return fail(error.what(), was_interrupted ? SQLITE_INTERRUPT : SQLITE_ERROR);
    } catch (std::exception const& error) {
        return fail(error.what(), SQLITE_ERROR);
    }
}

constexpr int url_column = 1;

int connect(sqlite3* database, void*, int, char const* const*, sqlite3_vtab** table, char**) {
    int const status =
        sqlite3_declare_vtab(database, "CREATE TABLE http_lines(line TEXT, url TEXT HIDDEN)");
    if (status == SQLITE_OK)
        *table = new (std::nothrow) sqlite3_vtab{};
    return status == SQLITE_OK && !*table ? SQLITE_NOMEM : status;
}
int disconnect(sqlite3_vtab* table) {
    delete table;
    return SQLITE_OK;
}

/// The URL comes from the argument, or from `WHERE url = `, and without one there is no table.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
    for (int i = 0; i < info->nConstraint; ++i) {
        auto const& constraint = info->aConstraint[i];
        if (constraint.iColumn != url_column || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ ||
            !constraint.usable)
            continue;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 1000;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT;
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
    *cursor = new (std::nothrow) Cursor{};
    return *cursor ? SQLITE_OK : SQLITE_NOMEM;
}
/// Also when LIMIT has seen enough: the rest of the response is not waited for.
int close(sqlite3_vtab_cursor* cursor) {
    int const status = result_of(cursor->pVtab, [&] { cursor_of(cursor).close(); });
    delete &cursor_of(cursor);
    return status;
}
int filter(sqlite3_vtab_cursor* cursor, int, char const*, int, sqlite3_value** arguments) {
    auto const* const url = reinterpret_cast<char const*>(sqlite3_value_text(arguments[0]));
    return result_of(cursor->pVtab, [&] { cursor_of(cursor).open(url ? url : ""); });
}
int next(sqlite3_vtab_cursor* cursor) {
    return result_of(cursor->pVtab, [&] { cursor_of(cursor).next(); });
}
int eof(sqlite3_vtab_cursor* cursor) {
    return !cursor_of(cursor).line;
}
int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int number) {
    auto const& self = cursor_of(cursor);
    std::string const& text = number == url_column ? self.url : *self.line;
    sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return SQLITE_OK;
}
int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* number) {
    *number = cursor_of(cursor).number;
    return SQLITE_OK;
}

sqlite3_module make_module() noexcept {
    sqlite3_module made = {};
    made.xConnect =
        connect;  // without xCreate it is a function, and no table that somebody creates
    made.xBestIndex = best_index;
    made.xDisconnect = disconnect;
    made.xOpen = open;
    made.xClose = close;
    made.xFilter = filter;
    made.xNext = next;
    made.xEof = eof;
    made.xColumn = column;
    made.xRowid = rowid;
    return made;
}
sqlite3_module const module_of_lines = make_module();

}  // namespace

extern "C" [[gnu::visibility("default")]] int sqlite3_extension_init(
    sqlite3* database, char**, sqlite3_api_routines const* api) {
    SQLITE_EXTENSION_INIT2(api)
    int status = sqlite3_create_function(
        database, "http_get", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr, http_get, nullptr,
        nullptr);
    if (status == SQLITE_OK)
        status = sqlite3_create_module(database, "http_lines", &module_of_lines, nullptr);
    // The loop has a thread, which runs the code of this library as long as the process lives.
    return status == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : status;
}
