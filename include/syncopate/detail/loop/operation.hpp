// Operation: a function that is handed to a loop, which calls it once; a node of the loop's queue.
// MemberOperation: the same for a member function.
#pragma once

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

    Operation* next = nullptr;  // the queue's

protected:
    ~Operation() = default;

private:
    void (*run_)(Operation&) noexcept;
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
