// Places in the code under test at which an atomic operation is written, and ways to write it wrong.
#pragma once

#include <atomic>
#include <compare>
#include <map>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace model {

/// Of "void space::Class<T>::function(int) [with T = int]": "function".
inline std::string short_name(std::string_view function) {
    function = function.substr(0, function.find('('));
    return std::string(function.substr(function.find_last_of(": ") + 1));
}

enum class Operation { load, store, read_modify_write, failed_compare_exchange };

struct Place {
    std::string_view file;
    unsigned line = 0;
    unsigned column = 0;
    Operation operation{};

    Place(std::source_location where, Operation what)
        : file(where.file_name()), line(where.line()), column(where.column()), operation(what) {}
    auto operator<=>(Place const&) const = default;
};

/// What the place does there, in the code as it is.
struct Usage {
    std::memory_order order;
    std::string function;
};

/// One place, changed: a weaker order, or a read-modify-write that is a load and then a store.
struct Mutation {
    Place place;
    std::memory_order order;
    bool is_split = false;
    std::string description{};
};

/// The places that a program has come by, and the mutation that is under trial.
class Mutations {
public:
    static Mutations& current() {
        static Mutations mutations;
        return mutations;
    }

    /// Called by every operation: the order to use.
    std::memory_order visit(
        Operation operation, std::memory_order order, std::source_location where) {
        if (usages_)
            usages_->try_emplace(
                Place(where, operation), Usage{order, short_name(where.function_name())});
        return is_at(where, operation) ? trial_->order : order;
    }

    bool is_split(std::source_location where) const {
        return is_at(where, Operation::read_modify_write) && trial_->is_split;
    }

    void collect(std::map<Place, Usage>* usages) { usages_ = usages; }
    void try_out(Mutation const* mutation) { trial_ = mutation; }

private:
    bool is_at(std::source_location where, Operation operation) const {
        return trial_ && trial_->place == Place(where, operation);
    }

    std::map<Place, Usage>* usages_ = nullptr;
    Mutation const* trial_ = nullptr;
};

inline std::string_view name_of(std::memory_order order) {
    switch (order) {
    case std::memory_order_relaxed: return "relaxed";
    case std::memory_order_acquire: return "acquire";
    case std::memory_order_release: return "release";
    case std::memory_order_acq_rel: return "acq_rel";
    case std::memory_order_seq_cst: return "seq_cst";
    default: return "consume";
    }
}

inline std::string_view name_of(Operation operation) {
    switch (operation) {
    case Operation::load: return "load";
    case Operation::store: return "store";
    case Operation::read_modify_write: return "read-modify-write";
    case Operation::failed_compare_exchange: return "failed compare-exchange";
    }
    return {};
}

/// Each order that is one step weaker, and no order at all.
inline std::vector<std::memory_order> weaker_orders(Operation operation, std::memory_order order) {
    using enum std::memory_order;
    std::vector<std::memory_order> orders;
    switch (order) {
    case seq_cst:
        orders.push_back(
            operation == Operation::store               ? release
            : operation == Operation::read_modify_write ? acq_rel
                                                        : acquire);
        break;
    case acq_rel: orders = {acquire, release}; break;
    default: break;
    }
    if (order != relaxed)
        orders.push_back(relaxed);
    return orders;
}

inline std::vector<Mutation> mutations_of(Place const& place, Usage const& usage) {
    std::vector<Mutation> mutations;
    std::string const what = usage.function + ": " + std::string(name_of(place.operation)) + ' ' +
                             std::string(name_of(usage.order)) + " -> ";
    for (auto const order : weaker_orders(place.operation, usage.order))
        mutations.push_back({place, order, false, what + std::string(name_of(order))});
    if (place.operation == Operation::read_modify_write)
        mutations.push_back({place, usage.order, true, what + "load, store"});
    return mutations;
}

}  // namespace model
