// JsonFile: a file with a JSON array that grows, and is complete JSON after each write.
#pragma once

#include <syncopate/detail/system/file.hpp>
#include <syncopate/detail/system/system.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace syncopate::inline v0_1::detail {

/// Each write overwrites the end of the JSON text with the new items, and puts the end behind them. So the file can
/// be read, however and whenever the process ends. Not thread-safe.
///
/// A child of fork() writes nothing, also when it destroys this: the file is its parent's.
class JsonFile {
public:
    /// begin, end: what stands before and behind the items. `begin` ends with the first item.
    /// Throws:     std::system_error if the file cannot be opened, or not be written to.
    JsonFile(std::filesystem::path const& path, std::string_view begin, std::string_view end)
        : end_(end), text_(begin) {
        std::error_code error;
        file_ = system::File(path, system::File::Access::write_anew, error);
        if (error)
            throw std::system_error(error, "PerfettoTrace: cannot open " + path.string());
        try {
            write();
        } catch (std::system_error const& failure) {
            throw std::system_error(failure.code(), "PerfettoTrace: cannot write " + path.string());
        }
    }
    JsonFile(JsonFile const&) = delete;
    JsonFile& operator=(JsonFile const&) = delete;
    ~JsonFile() {
        try {
            if (is_here())
                write();
        } catch (...) {
            // What was written before is complete.
        }
    }

    /// Whether this is the process that has opened the file.
    bool is_here() const noexcept { return system::process_id() == process_; }

    long process() const noexcept { return process_; }

    /// Adds an item, which is written later: see write().
    void append(std::string_view item) {
        if (has_failed_)
            return;
        text_.reserve(text_.size() + item.size() + 2);
        text_ += ",\n";
        text_ += item;
    }

    std::size_t unwritten() const noexcept { return text_.size(); }

    /// Writes what was appended. Throws: std::system_error, once: what was written before stays, and what comes later
    /// is dropped.
    void write() {
        if (text_.empty() || has_failed_)
            return;
        text_.reserve(text_.size() + end_.size());
        auto const size = text_.size();
        text_ += end_;
        auto const error = file_.write_at(written_, text_);
        text_.clear();
        if (!error) {
            written_ += size;
            return;
        }
        has_failed_ = true;
        // The end fits: it stood there before.
        if (!file_.truncate(written_))
            static_cast<void>(file_.write_at(written_, end_));
        throw std::system_error(error, "PerfettoTrace: cannot write, and ends here");
    }

private:
    std::string const end_;
    std::string text_;  // not written yet
    system::File file_;
    std::uint64_t written_ = 0;
    long const process_ = system::process_id();
    bool has_failed_ = false;
};

}  // namespace syncopate::inline v0_1::detail
