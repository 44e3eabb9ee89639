#include "platform/sql/postgres_values.hpp"

#include <bit>
#include <climits>
#include <cstring>
#include <string_view>

namespace guildhall::sql {
namespace {

// Source: PostgreSQL 15, src/include/catalog/pg_type.dat. They never change.
constexpr Oid kBool = 16, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kUnknown = 705, kInt8Array = 1016,
              kBpchar = 1042, kVarchar = 1043, kNumeric = 1700;

template <class T>
T big_endian(T value) {
    static_assert(std::endian::native == std::endian::little);
    if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
    if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
}

template <class T>
T read(const char* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return big_endian(value);
}

template <class T>
void append(std::string& out, T value) {
    value = big_endian(value);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Source: array_recv in src/backend/utils/adt/arrayfuncs.c: dimensions, whether it has NULLs, element type, length,
/// lower bound, elements.
std::string array_of(const Ids& ids) {
    std::string out;
    out.reserve(20 + ids.size() * 12);
    append<std::int32_t>(out, ids.empty() ? 0 : 1);
    append<std::int32_t>(out, 0);
    append<std::int32_t>(out, static_cast<std::int32_t>(kInt8));
    if (ids.empty()) return out;
    append<std::int32_t>(out, static_cast<std::int32_t>(ids.size()));
    append<std::int32_t>(out, 1);
    for (const auto id : ids) {
        append<std::int32_t>(out, 8);
        append<std::int64_t>(out, id);
    }
    return out;
}

/// The integer in a numeric, which is the type of SUM over bigint: digits of base 10,000, the first of weight
/// 10,000^weight. Source: numeric_recv in src/backend/utils/adt/numeric.c.
bool read_numeric(std::string_view bytes, Value& value) {
    if (bytes.size() < 8) return false;
    const auto digits = read<std::int16_t>(bytes.data());
    const auto weight = read<std::int16_t>(bytes.data() + 2);
    const auto sign = read<std::uint16_t>(bytes.data() + 4);
    if ((sign != 0 && sign != 0x4000) || digits > weight + 1) return false;  // not a number, or a fraction
    __int128 number = 0;
    for (int i = 0; i <= weight; ++i) {
        number = number * 10'000 + (i < digits ? read<std::int16_t>(bytes.data() + 8 + 2 * i) : 0);
        if (number > static_cast<__int128>(LLONG_MAX) + 1) return false;
    }
    if (sign != 0) number = -number;
    if (number > LLONG_MAX) return false;
    value = static_cast<std::int64_t>(number);
    return true;
}

bool read_value(Oid type, std::string_view bytes, Value& value) {
    switch (type) {
    case kInt8: value = read<std::int64_t>(bytes.data()); return true;
    case kInt4: value = std::int64_t{read<std::int32_t>(bytes.data())}; return true;
    case kInt2: value = std::int64_t{read<std::int16_t>(bytes.data())}; return true;
    case kBool: value = std::int64_t{bytes[0]}; return true;
    case kText:
    case kVarchar:
    case kBpchar:
    case kName:
    case kUnknown: value = std::string(bytes); return true;
    case kNumeric: return read_numeric(bytes, value);
    default: return false;
    }
}

}  // namespace

std::uint64_t types_of(const Params& params) {
    std::uint64_t types = params.size();
    for (const auto& value : params) types = types * 5 + value.index();
    return types;
}

boost::container::small_vector<Oid, 16> oids_of(const Params& params) {
    constexpr Oid kOids[] = {0, kInt8, kText, kInt8Array};
    boost::container::small_vector<Oid, 16> oids;
    for (const auto& value : params) oids.push_back(kOids[value.index()]);
    return oids;
}

PostgresValues::PostgresValues(const Params& params) : formats_(params.size(), 1) {
    numbers_.reserve(params.size());  // pointers into them are taken
    lists_.reserve(params.size());
    for (const auto& value : params) {
        std::string_view bytes;
        if (const auto* number = std::get_if<std::int64_t>(&value)) {
            const auto& stored = numbers_.emplace_back(big_endian(static_cast<std::uint64_t>(*number)));
            bytes = {reinterpret_cast<const char*>(&stored), sizeof stored};
        } else if (const auto* text = std::get_if<std::string>(&value)) {
            bytes = *text;
        } else if (const auto* ids = std::get_if<Ids>(&value)) {
            bytes = lists_.emplace_back(array_of(*ids));
        }
        pointers_.push_back(std::holds_alternative<std::nullptr_t>(value) ? nullptr : bytes.data());
        lengths_.push_back(static_cast<int>(bytes.size()));
    }
}

bool read_rows(const PGresult* result, Rows& rows) {
    const int columns = PQnfields(result);
    const int count = PQntuples(result);
    boost::container::small_vector<Oid, 16> types;
    for (int c = 0; c < columns; ++c) types.push_back(PQftype(result, c));
    rows.set_columns(static_cast<std::size_t>(columns));
    auto& cells = rows.cells();
    cells.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(count));
    for (int r = 0; r < count; ++r) {
        for (int c = 0; c < columns; ++c) {
            auto& cell = cells.emplace_back(nullptr);
            const auto length = static_cast<std::size_t>(PQgetlength(result, r, c));
            if (length == 0 && PQgetisnull(result, r, c) != 0) continue;
            if (!read_value(types[static_cast<std::size_t>(c)], {PQgetvalue(result, r, c), length}, cell)) return false;
        }
    }
    return true;
}

}  // namespace guildhall::sql
