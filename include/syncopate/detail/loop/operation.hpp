// Operation: a function that is handed to a loop, which calls it once; a node of the loop's queue.
// MemberOperation: the same for a member function. OperationList: operations in their order.
#pragma once

#include <syncopate/detail/wait/platform.hpp>

namespace syncopate::inline v0_1::detail {

class TaskRecord;

/// It is a member of the object on which it works, so that submitting it allocates nothing. Whoever
/// submits it keeps it alive until it has run.
class Operation {
public:
    /// task: the task that it begins, or null.
    explicit Operation(void (*function)(Operation&) noexcept, TaskRecord* task = nullptr) noexcept
        : run_(function), task_(task) {}
    Operation(Operation const&) = delete;
    Operation& operator=(Operation const&) = delete;

    /// On the loop, or on the thread that ends the loop. The operation may be destroyed inside the call.
    void run() noexcept { run_(*this); }

    TaskRecord* task() const noexcept { return task_; }

protected:
    ~Operation() = default;

private:
    template <Platform P>
    friend class BasicInjectionQueue;
    friend class OperationList;

    void (*run_)(Operation&) noexcept;
    TaskRecord* const task_;
    Operation* next_ = nullptr;
    Operation** link_ = nullptr;  // in a list: what points at this one
};

/// Operations in the order in which they run. Any of them can be taken out.
class OperationList {
public:
    OperationList() = default;
    OperationList(OperationList const&) = delete;
    OperationList& operator=(OperationList const&) = delete;

    bool empty() const noexcept { return first_ == nullptr; }

    void push_back(Operation& operation) noexcept {
        operation.next_ = nullptr;
        operation.link_ = end_;
        *end_ = &operation;
        end_ = &operation.next_;
    }

    /// The oldest, or null.
    Operation* pop_front() noexcept {
        Operation* const operation = first_;
        if (operation)
            remove(*operation);
        return operation;
    }

    using Filter = bool (*)(Operation const&) noexcept;

    /// Moves those that the filter lets through to the end of the other list.
    void move_if(Filter filter, OperationList& to) noexcept {
        Operation* next = first_;
        while (Operation* const operation = next) {
            next = operation->next_;
            if (filter(*operation)) {
                remove(*operation);
                to.push_back(*operation);
            }
        }
    }

    /// What has been taken out of a list as one: no list has it any more, so nobody else takes it out.
    class Chain {
    public:
        Chain() = default;

        /// The oldest, or null.
        Operation* pop_front() noexcept {
            Operation* const operation = first_;
            if (operation)
                first_ = operation->next_;
            return operation;
        }

    private:
        friend class OperationList;
        explicit Chain(Operation* first) noexcept : first_(first) {}

        Operation* first_ = nullptr;
    };

    Chain take_all() noexcept {
        Operation* const first = first_;
        for (Operation* operation = first; operation; operation = operation->next_)
            operation->link_ = nullptr;
        first_ = nullptr;
        end_ = &first_;
        return Chain(first);
    }

    template <class F>
    void for_each(F f) const {
        for (Operation* operation = first_; operation; operation = operation->next_)
            f(*operation);
    }

    /// Returns whether it was in the list.
    bool remove(Operation& operation) noexcept {
        if (!operation.link_)
            return false;
        *operation.link_ = operation.next_;
        (operation.next_ ? operation.next_->link_ : end_) = operation.link_;
        operation.link_ = nullptr;
        return true;
    }

private:
    Operation* first_ = nullptr;
    Operation** end_ = &first_;
};

/// An operation that calls a member function of the object in which it lies.
template <class Owner, void (Owner::*member)() noexcept>
class MemberOperation final : public Operation {
public:
    explicit MemberOperation(Owner& owner, TaskRecord* task = nullptr) noexcept
        : Operation(
              [](Operation& self) noexcept {
                  (static_cast<MemberOperation&>(self).owner_.*member)();
              },
              task),
          owner_(owner) {}

private:
    Owner& owner_;
};

}  // namespace syncopate::inline v0_1::detail
