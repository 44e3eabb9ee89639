#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "platform/base/result.hpp"

namespace guildhall::sql {

/// Which servers may answer a read outside a transaction if a database has replicas (docs/adr/0010): only the primary,
/// or also a replica. `replica_ok` is for lists that are not cached and are only shown; the statement must name the key
/// of every row that it reads. Writes by other callers may be visible slightly later, the caller's own writes
/// immediately.
enum class Freshness : std::uint8_t { primary, replica_ok };

/// A statement, and its name in metrics and the slow log. The text is in the subset that SQLite and PostgreSQL share:
/// $1 parameters, RETURNING, ON CONFLICT, CTEs, window functions, bigint, text. One extension, rewritten by each
/// driver: `IN ($2:ids)` is true for the members of a list parameter (an Ids value). All strings must live as long as
/// the program.
struct Statement {
    const char* name;
    const char* text;
    Freshness freshness = Freshness::primary;
    const char* for_sqlite = nullptr;  // the same with the same parameters, where SQLite is slow with `text`
};

/// A list parameter for `IN ($n:ids)`.
using Ids = std::vector<std::int64_t>;

/// A parameter or a column: NULL, bigint, text, or (parameters only) a list of bigints.
using Value = std::variant<std::nullptr_t, std::int64_t, std::string, Ids>;
using Params = boost::container::small_vector<Value, 8>;

namespace detail {
inline Value value_of(std::nullptr_t) { return nullptr; }
inline Value value_of(bool b) { return std::int64_t{b}; }
inline Value value_of(std::int64_t n) { return n; }
inline Value value_of(int n) { return std::int64_t{n}; }
inline Value value_of(std::size_t n) { return static_cast<std::int64_t>(n); }
inline Value value_of(std::string s) { return s; }
inline Value value_of(std::string_view s) { return std::string(s); }
inline Value value_of(const char* s) { return std::string(s); }
inline Value value_of(Ids ids) { return ids; }
inline Value value_of(Time t) { return to_micros(t); }
template <class Tag>
Value value_of(Id<Tag> id) {
    return id.value;
}
template <class T>
Value value_of(std::optional<T> v) {
    return v ? value_of(std::move(*v)) : Value(nullptr);
}
}  // namespace detail

/// The parameters $1, $2, … from ids, numbers, text, times (microseconds), optionals (NULL when empty) and Ids.
template <class... T>
Params params(T&&... values) {
    Params out;
    out.reserve(sizeof...(T));
    (out.push_back(detail::value_of(std::forward<T>(values))), ...);
    return out;
}

/// The list parameter of strong ids.
template <class Tag>
Ids ids_of(std::span<const Id<Tag>> ids) {
    Ids out;
    out.reserve(ids.size());
    for (auto id : ids) out.push_back(id.value);
    return out;
}

/// One row of a Rows; valid as long as the Rows. Columns count from 0. Throws Corrupt if a column has another type than
/// requested.
class Row {
public:
    Row(Value* cells, std::size_t columns) : cells_(cells), columns_(columns) {}
    bool is_null(std::size_t column) const { return std::holds_alternative<std::nullptr_t>(at(column)); }
    /// The value of a column of this type.
    std::int64_t number(std::size_t column) const;
    const std::string& text(std::size_t column) const;
    /// Moves the text out of the row.
    std::string take_text(std::size_t column);
    /// Nothing for NULL.
    std::optional<std::int64_t> optional_number(std::size_t column) const;
    Time time(std::size_t column) const { return from_micros(number(column)); }
    template <class IdType>
    IdType id(std::size_t column) const {
        return IdType{number(column)};
    }

private:
    Value& at(std::size_t column) const;
    Value* cells_;
    std::size_t columns_;
};

/// The rows of an answer, in one block of memory.
class Rows {
public:
    std::size_t size() const { return columns_ == 0 ? 0 : cells_.size() / columns_; }
    bool empty() const { return cells_.empty(); }
    Row operator[](std::size_t row) { return {cells_.data() + row * columns_, columns_}; }

    /// Iterates over the rows.
    class Iterator {
    public:
        Iterator(Rows* rows, std::size_t at) : rows_(rows), at_(at) {}
        Row operator*() const { return (*rows_)[at_]; }
        Iterator& operator++() {
            ++at_;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    private:
        Rows* rows_;
        std::size_t at_;
    };
    Iterator begin() { return {this, 0}; }
    Iterator end() { return {this, size()}; }

    /// For drivers: sets the number of columns. Cells are then appended row by row.
    void set_columns(std::size_t columns) { columns_ = columns; }
    std::vector<Value>& cells() { return cells_; }

private:
    std::size_t columns_ = 0;
    std::vector<Value> cells_;
};

/// A statement with its parameters.
struct BoundStatement {
    const Statement* statement;
    Params params;
};

/// A running transaction. READ COMMITTED on PostgreSQL, serial on SQLite: a body that decides by what it read must lock
/// the row first (UPDATE … RETURNING, or INSERT … ON CONFLICT … DO UPDATE … RETURNING).
class Transaction {
public:
    virtual ~Transaction() = default;

    /// Runs a statement and returns its rows. Throws ConstraintViolation, Unavailable.
    virtual Task<Rows> query(const Statement& statement, Params params) = 0;

    /// Runs a statement without returning its rows. It may be sent together with the next one or the commit, which then
    /// throw its failure.
    virtual Task<void> execute(const Statement& statement, Params params) = 0;

    /// Calls `hook` once after the commit, never after a rollback, on any thread. It must be quick and thread-safe, and
    /// must not throw.
    void after_commit(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }

protected:
    /// For drivers: runs the hooks.
    void committed();

private:
    std::vector<std::function<void()>> hooks_;
};

/// A unique or check constraint refused a row. Stores avoid it by ON CONFLICT. If it leaves a handler, the answer is
/// 409.
class ConstraintViolation : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One step of a schema, identified by its name ("post/0001_init.sql"). Forward only: it never changes once released.
struct Migration {
    std::string name;
    std::string_view text;  // statements separated by semicolons
};

/// The refusal of a database that has the migration `name`, which this program does not have.
Corrupt newer_database(const std::string& name);

/// The database of one service. Thread-safe. Every call resumes on the calling coroutine's executor.
class Database {
public:
    virtual ~Database() = default;

    /// Reads outside a transaction, with one consistent snapshot. Throws Unavailable.
    virtual Task<Rows> read(const Statement& statement, Params params) = 0;

    /// Reads several statements in one round trip (PostgreSQL: a pipeline). Each has its own snapshot.
    virtual Task<std::vector<Rows>> read_all(std::vector<BoundStatement> statements) = 0;

    /// Runs `body` in one transaction and returns when it is durable. An Error from the body rolls back this
    /// transaction and is returned; an exception rolls it back and is rethrown. The body may run more than once
    /// (deadlock, serialisation) and must await nothing but the transaction: over SQLite it runs on the writer's
    /// thread. Throws Unavailable when the database is unavailable or its queue is full (503), or the disk is full
    /// (507).
    template <class T, class Body>
    Task<Result<T>> transact(Body body) {
        std::optional<Result<T>> result;
        RawBody raw = [&body, &result](Transaction& tx) -> Task<bool> {
            result.emplace(co_await body(tx));
            co_return result->has_value();
        };
        co_await run(std::move(raw));
        co_return std::move(*result);
    }

    /// Blocking, for start-up: applies the migrations whose names are not recorded yet, in the given order, each in its
    /// own transaction. Replicas that start together apply each once. Throws Unavailable; Corrupt when a statement is
    /// refused, or when a migration is recorded that is not given: a newer program has changed the database.
    virtual void migrate(std::span<const Migration> migrations) = 0;

    /// Blocking, for start-up and administration: runs statements that are separated by semicolons.
    virtual void execute_script(std::string_view text) = 0;

    /// True when the database answers `question` within a second; for readiness. The question should read a row of the
    /// tables that requests read.
    virtual Task<bool> ready(const Statement& question) = 0;

    /// False from a transaction that failed because of the storage (disk full, I/O error) until one succeeds.
    virtual bool is_writable() const = 0;

    /// Reads, if it is not known, the position that replicas must have reached to be read instead of the primary. Call
    /// every second. Throws Unavailable.
    virtual Task<void> learn_position() { co_return; }

    /// "sqlite" or "postgres".
    virtual std::string_view engine() const = 0;

protected:
    using RawBody = std::function<Task<bool>(Transaction&)>;
    /// Runs `body` in a transaction; false rolls back.
    virtual Task<void> run(RawBody body) = 0;
};

}  // namespace guildhall::sql
