#pragma once

#include <cstdint>
#include <string>

#include <boost/container/small_vector.hpp>
#include <libpq-fe.h>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// A number that identifies the types of the parameters.
std::uint64_t types_of(const Params& params);

/// The types of the parameters for PREPARE. They are explicit because in `$2 = 0`, PostgreSQL would infer a 32-bit
/// integer for $2.
boost::container::small_vector<Oid, 16> oids_of(const Params& params);

/// The parameters in PostgreSQL's binary format. Refers to `params`.
class PostgresValues {
public:
    explicit PostgresValues(const Params& params);
    PostgresValues(const PostgresValues&) = delete;
    PostgresValues& operator=(const PostgresValues&) = delete;

    int size() const { return static_cast<int>(pointers_.size()); }
    const char* const* pointers() const { return pointers_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* formats() const { return formats_.data(); }

private:
    boost::container::small_vector<const char*, 16> pointers_;
    boost::container::small_vector<int, 16> lengths_;
    boost::container::small_vector<int, 16> formats_;
    boost::container::small_vector<std::uint64_t, 16> numbers_;
    boost::container::small_vector<std::string, 1> lists_;
};

/// Appends the rows of a binary answer. False when the type of a column is not an integer, boolean or text.
bool read_rows(const PGresult* result, Rows& rows);

}  // namespace guildhall::sql
