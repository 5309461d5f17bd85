// Racer: a child of race(): the first of them to end decides the race. Finish: who that was.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

struct Finish {
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    std::size_t winner = nobody;

    bool is_decided() const noexcept { return winner != nobody; }
};

/// T: as for OwnedOrRef.
template <Task T>
class Racer final : public TaskChild<T> {
public:
    using typename TaskChild<T>::Result;

    /// outcome:   the winner's value or error; empty in the end if another has won.
    Racer(
        Nursery& nursery,
        OwnedOrRef<T> task,
        Outcome<Result>& outcome,
        Finish& finish,
        std::size_t index)
        : TaskChild<T>(nursery, std::move(task)), outcome_(outcome), finish_(finish),
          index_(index) {}

    asio::awaitable<void> begin() { return this->run_task(&outcome_); }

    void complete(std::exception_ptr error) noexcept {
        bool const has_failed = this->is_failure(error);
        if (!finish_.is_decided() && (!error || has_failed))
            return win(std::move(error));
        outcome_.reset();
        if (has_failed)
            report_unhandled(std::move(error));
    }

private:
    void win(std::exception_ptr error) noexcept {
        finish_.winner = index_;
        if (error)
            outcome_.fail(std::move(error));
        else if constexpr (std::is_void_v<Result>)
            outcome_.emplace();
        this->nursery().cancel();
    }

    Outcome<Result>& outcome_;
    Finish& finish_;
    std::size_t const index_;
};

}  // namespace syncopate::inline v0_1::detail
