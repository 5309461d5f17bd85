// Operation: a function that is handed to a loop, which calls it once; a node of the loop's queue.
// MemberOperation: the same for a member function. OperationList: operations in their order.
#pragma once

#include <syncopate/detail/wait/platform.hpp>

namespace syncopate::inline v0_1::detail {

/// It is a member of the object on which it works, so that submitting it allocates nothing. Whoever
/// submits it keeps it alive until it has run.
class Operation {
public:
    explicit Operation(void (*function)(Operation&) noexcept) noexcept : run_(function) {}
    Operation(Operation const&) = delete;
    Operation& operator=(Operation const&) = delete;

    /// On the loop, or on the thread that ends the loop. The operation may be destroyed inside the call.
    void run() noexcept { run_(*this); }

protected:
    ~Operation() = default;

private:
    template <Platform P>
    friend class BasicInjectionQueue;
    friend class OperationList;

    void (*run_)(Operation&) noexcept;
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
    explicit MemberOperation(Owner& owner) noexcept
        : Operation([](Operation& self) noexcept {
              (static_cast<MemberOperation&>(self).owner_.*member)();
          }),
          owner_(owner) {}

private:
    Owner& owner_;
};

}  // namespace syncopate::inline v0_1::detail
