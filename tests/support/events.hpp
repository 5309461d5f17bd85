// EventLog: what Options::on_event was told, and whether each begin had its end.
#pragma once

#include <syncopate/event.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace support {

/// Copies of its function share the log, also when the log itself is gone.
class EventLog {
public:
    using Event = syncopate::Event;

    struct Entry {
        Event event;
        std::thread::id thread;
    };

    std::function<void(Event const&)> function() const {
        return [shared = shared_](Event const& event) {
            std::lock_guard const lock(shared->mutex);
            shared->entries.push_back({event, std::this_thread::get_id()});
        };
    }

    std::vector<Entry> entries() const {
        std::lock_guard const lock(shared_->mutex);
        return shared_->entries;
    }

    std::vector<Entry> entries(Event::Kind kind) const {
        auto all = entries();
        std::erase_if(all, [kind](Entry const& entry) { return entry.event.kind != kind; });
        return all;
    }

    /// The only thing of this kind. Throws: there are others, or it has not ended.
    struct BeginAndEnd {
        Entry begin;
        Entry end;
    };
    BeginAndEnd only(Event::Kind kind) const {
        auto const found = entries(kind);
        if (found.size() != 2)
            throw std::runtime_error(std::to_string(found.size()) + " events");
        return {found[0], found[1]};
    }

    bool has_label(std::string_view label) const {
        for (auto const& entry : entries())
            if (entry.event.label == label)
                return true;
        return false;
    }

    /// What is wrong with the events, in words, once nothing runs any more; empty if nothing is.
    std::string faults() const {
        std::map<std::uint64_t, std::vector<Entry>> by_id;
        for (auto const& entry : entries())
            by_id[entry.event.id].push_back(entry);
        std::string all;
        for (auto const& [id, of_one] : by_id)
            if (auto const fault = fault_of(of_one); !fault.empty())
                all += std::to_string(id) + ' ' + fault + "; ";
        return all;
    }

private:
    static std::string fault_of(std::vector<Entry> const& of_one) {
        if (of_one.size() != 2)
            return "has " + std::to_string(of_one.size()) + " events";
        auto const& begin = of_one[0].event;
        auto const& end = of_one[1].event;
        if (begin.phase != Event::Phase::begin || end.phase != Event::Phase::end)
            return "does not begin and end";
        if (begin.time > end.time)
            return "ends before it begins";
        if (begin.kind != end.kind || begin.task != end.task || begin.label != end.label ||
            begin.runner != end.runner || begin.location.line() != end.location.line())
            return "ends as another";
        if (!begin.may_be_suspended() && of_one[0].thread != of_one[1].thread)
            return "ends on another thread";
        return {};
    }

    struct Shared {
        std::mutex mutex;
        std::vector<Entry> entries;
    };

    std::shared_ptr<Shared> const shared_ = std::make_shared<Shared>();
};

}  // namespace support
