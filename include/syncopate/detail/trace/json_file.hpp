// JsonFile: a file with a JSON array that grows, and is complete JSON after each write.
#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

/// Each write puts what is new in the place of the end, and the end behind it. So the file can be read whenever the
/// process is ended, by whatever. Not thread-safe.
///
/// A child of fork() writes nothing, also when it destroys this: the file is its parent's.
class JsonFile {
public:
    /// begin, end: what stands before and behind the items. `begin` ends with the first item.
    /// Throws:     std::system_error if the file cannot be opened, or not be written to.
    JsonFile(std::filesystem::path const& path, std::string_view begin, std::string_view end)
        : end_(end), text_(begin),
          descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
        if (descriptor_ < 0)
            throw failure("cannot open " + path.string());
        try {
            write();
        } catch (std::system_error const& error) {
            ::close(descriptor_);
            throw std::system_error(error.code(), "PerfettoTrace: cannot write " + path.string());
        } catch (...) {
            ::close(descriptor_);
            throw;
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
        ::close(descriptor_);
    }

    /// Whether this is the process that has opened the file.
    bool is_here() const noexcept { return ::getpid() == process_; }

    ::pid_t process() const noexcept { return process_; }

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
        auto const error = write_all(text_, written_);
        text_.clear();
        if (error == 0) {
            written_ += static_cast<::off_t>(size);
            return;
        }
        has_failed_ = true;
        // The end fits: it stood there before.
        if (::ftruncate(descriptor_, written_) == 0)
            write_all(end_, written_);
        throw std::system_error(
            error, std::generic_category(), "PerfettoTrace: cannot write, and ends here");
    }

private:
    static std::system_error failure(std::string const& what) {
        return {errno, std::generic_category(), "PerfettoTrace: " + what};
    }

    /// Returns zero, or an error.
    int write_all(std::string_view text, ::off_t offset) const noexcept {
        while (!text.empty()) {
            auto const count = ::pwrite(descriptor_, text.data(), text.size(), offset);
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                return count < 0 ? errno : EIO;
            text.remove_prefix(static_cast<std::size_t>(count));
            offset += count;
        }
        return 0;
    }

    std::string const end_;
    std::string text_;  // not written yet
    int const descriptor_;
    ::off_t written_ = 0;
    ::pid_t const process_ = ::getpid();
    bool has_failed_ = false;
};

}  // namespace syncopate::inline v0_1::detail
