// Contexts for the tests: what is done with them is noted, and they wait or fail where they are told to.
#pragma once

#include "support/audit.hpp"

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace support {

namespace asio = boost::asio;

/// What happened, in order, on whichever thread.
class Journal {
public:
    void add(std::string entry) {
        std::lock_guard lock(mutex_);
        entries_.push_back(std::move(entry));
    }

    std::vector<std::string> entries() const {
        std::lock_guard lock(mutex_);
        return entries_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> entries_;
};

using Entries = std::vector<std::string>;

/// An exception as the journals have it: what its code means, or what() it says.
inline std::string in_words(std::exception_ptr const& error) {
    if (!error)
        return "nothing";
    try {
        std::rethrow_exception(error);
    } catch (std::system_error const& e) {
        return e.code().message();
    } catch (std::exception const& e) {
        return e.what();
    }
}

/// What a context does besides being noted.
using Step = std::function<asio::awaitable<void>()>;

inline asio::awaitable<void> fail(std::string message) {
    Tracked const frame;
    throw std::runtime_error(message);
    co_return;
}

inline Step failing(std::string message) {
    return [message = std::move(message)] { return fail(message); };
}

/// Notes "enter NAME" when it is entered, and "exit NAME: ERROR" when it is left, before it does what
/// it is told to do then.
class NotedContext {
public:
    NotedContext(Journal& journal, std::string name, Step on_enter = {}, Step on_exit = {})
        : journal_(&journal), name_(std::move(name)), on_enter_(std::move(on_enter)),
          on_exit_(std::move(on_exit)) {}

    std::string const& name() const noexcept { return name_; }

    asio::awaitable<void> aenter() {
        Tracked const frame;
        journal_->add("enter " + name_);
        if (on_enter_)
            co_await on_enter_();
    }

    asio::awaitable<void> aexit(std::exception_ptr error) {
        Tracked const frame;
        journal_->add("exit " + name_ + ": " + in_words(error));
        if (on_exit_)
            co_await on_exit_();
    }

private:
    Journal* journal_;
    std::string name_;
    Step on_enter_;
    Step on_exit_;
    Tracked tracked_;
};

}  // namespace support
