// Idea: a batch goes through, although one document crashes the parser, and another keeps it busy for ever.
// In the article: a ProcessPoolExecutor.
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/process_pool.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Document {
    std::string name;
    std::string text;

    template <class Archive>
    void serialize(Archive& archive, unsigned) {
        archive & name & text;
    }
};

// A parser that somebody has written long ago.
std::vector<std::string> parse(Document const& document) {
    std::vector<std::string> words(1);
    for (char const c : document.text) {
        if (c == '\0')
            std::abort();
        while (c == '{')  // looks for the end of a comment
            ::pause();
        if (c == '}')
            throw std::invalid_argument("no comment has begun");
        if (c == ' ')
            words.emplace_back();
        else
            words.back() += c;
    }
    return words;
}

asio::awaitable<std::vector<std::string>> parse_in_time(
    syncopate::ProcessPool& pool, Document document) {
    co_return co_await syncopate::fail_after(
        500ms, syncopate::run_in_executor(pool, parse, document));
}

int main() {
    syncopate::ProcessPool pool{2};  // before there are threads
    syncopate::ThreadRunner runner;

    std::vector<Document> const documents{
        {"letter", "dear reader"},
        {"comment", "{ never closed"},
        {"broken", std::string(1, '\0')},
        {"closed", "}"},
        {"essay", "on the use of tools"}};
    std::vector<asio::awaitable<std::vector<std::string>>> tasks;
    for (Document const& document : documents)
        tasks.push_back(parse_in_time(pool, document));

    auto const outcomes = runner.run(syncopate::gather_outcomes(std::move(tasks)));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        std::cout << documents[i].name << ": ";
        try {
            std::cout << outcomes[i].value().size() << " words\n";
        } catch (std::exception const& error) {
            std::cout << error.what() << '\n';
        }
    }
}
