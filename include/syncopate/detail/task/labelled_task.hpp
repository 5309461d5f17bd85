// LabelledTask: a task with a name for tasks(), dump() and messages. LabelOf: the name of a task, if it has one.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A task factory, so that it goes wherever a task goes. What it was made of owns the captures; it may be called
/// as often as that may be awaited.
template <Task T>
class LabelledTask {
public:
    LabelledTask(std::string label, T task) : label_(std::move(label)), task_(std::move(task)) {}

    std::string const& label() const noexcept { return label_; }

    asio::awaitable<task_result_t<T>> operator()() {
        if constexpr (TaskFactory<T>)
            return awaitable_from(task_);
        else if constexpr (Awaitable<T>)
            return require_valid(std::move(task_));
        else if constexpr (ForeignFactory<T>)
            return await_made_by(task_);
        else if constexpr (ForeignAwaitable<T>)
            return await_foreign(std::move(task_));
        else
            return std::move(task_)(asio::use_awaitable);
    }

private:
    std::string label_;
    T task_;
};

template <class T>
struct IsLabelled : std::false_type {};
template <class T>
struct IsLabelled<LabelledTask<T>> : std::true_type {};

template <class T>
concept Labelled = IsLabelled<std::remove_cvref_t<T>>::value;

/// A base of what keeps a task of the type T: keeps the task's label as long. Nothing where T has none.
template <class T>
class LabelOf {
protected:
    explicit LabelOf(std::remove_reference_t<T> const&) noexcept {}
    ~LabelOf() = default;
};

template <Labelled T>
class LabelOf<T> {
protected:
    explicit LabelOf(std::remove_reference_t<T> const& task) : label_(task.label()) {}
    ~LabelOf() = default;

    std::string const& label() const noexcept { return label_; }

private:
    std::string label_;
};

}  // namespace syncopate::inline v0_1::detail
