// ClientCall: where a blocking call of a Client is, for messages, and what may end it early.
#pragma once

#include <source_location>
#include <stop_token>
#include <utility>

namespace syncopate::inline v0_1::http {

/// The last parameter of the blocking members of Client. Nobody needs to name it: a stop token converts to it, and takes the
/// place of the call along.
///
/// ```cpp
/// std::stop_source stop;
/// auto const page = client.get(url, stop.get_token());
/// ```
class ClientCall {
public:
    /// Nothing ends the call early.
    ClientCall(std::source_location place) noexcept : place_(place) {}
    /// A stop request cancels what the call waits for.
    ClientCall(
        std::stop_token stop, std::source_location place = std::source_location::current()) noexcept
        : stop_(std::move(stop)), place_(place) {}

    /// Gives the place where it is called.
    static ClientCall current(
        std::source_location place = std::source_location::current()) noexcept {
        return place;
    }

    /// Gives the token; one that is never stopped, if there is none.
    std::stop_token const& stop() const noexcept { return stop_; }
    /// Gives the place, as RunnerBase takes it.
    operator std::source_location() const noexcept { return place_; }

private:
    std::stop_token stop_;
    std::source_location place_;
};

}  // namespace syncopate::inline v0_1::http
