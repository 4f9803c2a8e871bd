//===- Cubin.cpp - See Cubin.h --------------------------------------------===//
#include "kernels/emulation/driver/Cubin.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <optional>
#include <string_view>

namespace mm1::emulated {

namespace {

constexpr uint16_t kMachineCuda = 190;
/// Bit of a symbol's st_other: a kernel, not a function that kernels call.
constexpr uint8_t kEntry = 0x10;
/// From sm_90 on a block's shared memory begins with the driver's own.
constexpr uint32_t kReservedShared = 1024;
constexpr uint32_t kReservedSharedFrom = 90;
constexpr uint64_t kMaxBytes = uint64_t(1) << 30;

/// How the records of .nv.info are built: a byte of format, one of attribute,
/// then two bytes that are the value or the size of what follows.
constexpr uint8_t kValueFollows = 4;

enum Attribute : uint8_t {
  kMaxThreads = 0x05,
  kParameter = 0x17,
  kParameterBytes = 0x19,
  kRegisters = 0x2f,
};

struct Section {
  std::string_view name;
  uint32_t type;
  uint32_t link;
  uint64_t size;
  /// Empty for SHT_NOBITS, whatever its size.
  std::span<const std::byte> bytes;
};

template <typename T>
std::optional<T> valueAt(std::span<const std::byte> bytes, uint64_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T))
    return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// The string that begins at `at`, or none when it has no end.
std::optional<std::string_view> stringAt(std::span<const std::byte> table,
                                         uint64_t at) {
  if (at >= table.size())
    return std::nullopt;
  auto *text = reinterpret_cast<const char *>(table.data()) + at;
  const void *end = std::memchr(text, 0, table.size() - at);
  if (!end)
    return std::nullopt;
  return std::string_view(
      text, static_cast<size_t>(static_cast<const char *>(end) - text));
}

Error wrong(const std::string &what) {
  return inputError("cubin: " + what + "; compile the artifact again");
}

Expected<Elf64_Ehdr> readHeader(std::span<const std::byte> image) {
  auto header = valueAt<Elf64_Ehdr>(image, 0);
  if (!header)
    return wrong("expected an ELF header of 64 bytes, found " +
                 std::to_string(image.size()) + " bytes");
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_ident[EI_DATA] != ELFDATA2LSB)
    return wrong("expected a 64-bit little-endian ELF file, found another "
                 "format (PTX and fat binaries are not loaded)");
  if (header->e_machine != kMachineCuda)
    return wrong("expected ELF machine 190 (CUDA), found " +
                 std::to_string(header->e_machine));
  if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0)
    return wrong("expected section headers of 64 bytes, found " +
                 std::to_string(header->e_shnum) + " of " +
                 std::to_string(header->e_shentsize));
  return *header;
}

Expected<std::vector<Section>> readSections(std::span<const std::byte> image,
                                            const Elf64_Ehdr &header) {
  std::vector<Elf64_Shdr> raw;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    auto section = header.e_shoff > image.size()
                       ? std::nullopt
                       : valueAt<Elf64_Shdr>(image, header.e_shoff +
                                                        i * sizeof(Elf64_Shdr));
    if (!section)
      return wrong("section header " + std::to_string(i) + " at byte " +
                   std::to_string(header.e_shoff) + " lies behind the end, " +
                   std::to_string(image.size()));
    raw.push_back(*section);
  }
  std::vector<Section> sections;
  for (const Elf64_Shdr &section : raw) {
    std::span<const std::byte> bytes;
    if (section.sh_type != SHT_NOBITS) {
      if (section.sh_offset > image.size() ||
          image.size() - section.sh_offset < section.sh_size)
        return wrong("section " + std::to_string(sections.size()) + ", " +
                     std::to_string(section.sh_size) + " bytes at byte " +
                     std::to_string(section.sh_offset) + ", passes the end, " +
                     std::to_string(image.size()));
      bytes = image.subspan(section.sh_offset, section.sh_size);
    }
    sections.push_back(
        {{}, section.sh_type, section.sh_link, section.sh_size, bytes});
  }
  if (header.e_shstrndx >= sections.size())
    return wrong("section names are in section " +
                 std::to_string(header.e_shstrndx) + " of " +
                 std::to_string(sections.size()));
  for (size_t i = 0; i < sections.size(); ++i) {
    auto name = stringAt(sections[header.e_shstrndx].bytes, raw[i].sh_name);
    if (!name)
      return wrong("section " + std::to_string(i) + " has no name");
    sections[i].name = *name;
  }
  return sections;
}

/// The names of all symbols by index; kernels are entered into `cubin`.
Expected<std::vector<std::string>>
readSymbols(const std::vector<Section> &sections, Cubin &cubin) {
  std::vector<std::string> names;
  for (const Section &section : sections) {
    if (section.type != SHT_SYMTAB)
      continue;
    if (section.link >= sections.size())
      return wrong("the symbol table names section " +
                   std::to_string(section.link) + " as its strings");
    uint64_t count = section.bytes.size() / sizeof(Elf64_Sym);
    for (uint64_t i = 0; i < count; ++i) {
      auto symbol = valueAt<Elf64_Sym>(section.bytes, i * sizeof(Elf64_Sym));
      auto name = stringAt(sections[section.link].bytes, symbol->st_name);
      if (!name)
        return wrong("symbol " + std::to_string(i) + " has no name");
      names.emplace_back(*name);
      if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
          (symbol->st_other & kEntry))
        cubin.kernels[std::string(*name)];
    }
  }
  return names;
}

/// Calls `on(attribute, value, bytes)` for each record: `value` is the inline
/// one, `bytes` what follows.
template <typename F> Status readRecords(const Section &section, const F &on) {
  for (uint64_t at = 0; at < section.bytes.size();) {
    auto format = valueAt<uint8_t>(section.bytes, at);
    auto attribute = valueAt<uint8_t>(section.bytes, at + 1);
    auto value = valueAt<uint16_t>(section.bytes, at + 2);
    std::span<const std::byte> bytes;
    if (value && *format == kValueFollows &&
        *value <= section.bytes.size() - at - 4)
      bytes = section.bytes.subspan(at + 4, *value);
    if (!value || (*format == kValueFollows && bytes.size() != *value))
      return wrong("a record of " + std::string(section.name) + " at byte " +
                   std::to_string(at) + " passes its end, " +
                   std::to_string(section.bytes.size()));
    if (!on(*attribute, *value, bytes))
      return wrong("the record of attribute " + std::to_string(*attribute) +
                   " at byte " + std::to_string(at) + " of " +
                   std::string(section.name) + " is malformed");
    at += 4 + bytes.size();
  }
  return Status::ok();
}

Status readKernelInfo(const Section &section, const std::string &name,
                      CubinKernel &kernel) {
  constexpr uint32_t kMaxParameters = 1024;
  Status status = readRecords(section, [&](uint8_t attribute, uint16_t value,
                                           std::span<const std::byte> bytes) {
    switch (attribute) {
    case kParameter: {
      auto ordinal = valueAt<uint16_t>(bytes, 4);
      auto offset = valueAt<uint16_t>(bytes, 6);
      auto size = valueAt<uint32_t>(bytes, 8);
      if (!size || *ordinal >= kMaxParameters)
        return false;
      if (kernel.parameters.size() <= *ordinal)
        kernel.parameters.resize(*ordinal + 1u);
      kernel.parameters[*ordinal] = {*offset, *size >> 18};
      return true;
    }
    case kParameterBytes:
      kernel.parameterBytes = value;
      return true;
    case kMaxThreads: {
      auto x = valueAt<uint32_t>(bytes, 0), y = valueAt<uint32_t>(bytes, 4),
           z = valueAt<uint32_t>(bytes, 8);
      if (!z || *x > 1024 || *y > 1024 || *z > 64)
        return false;
      kernel.maxThreads = *x * *y * *z;
      return true;
    }
    default:
      return true;
    }
  });
  if (!status)
    return status;
  for (const CubinKernel::Parameter &parameter : kernel.parameters)
    if (parameter.size == 0 ||
        parameter.offset + parameter.size > kernel.parameterBytes)
      return wrong("kernel " + name + " has a parameter of " +
                   std::to_string(parameter.size) + " bytes at byte " +
                   std::to_string(parameter.offset) + " of " +
                   std::to_string(kernel.parameterBytes));
  return Status::ok();
}

Status readRegisters(const Section &section,
                     const std::vector<std::string> &symbols, Cubin &cubin) {
  return readRecords(section, [&](uint8_t attribute, uint16_t,
                                  std::span<const std::byte> bytes) {
    if (attribute != kRegisters)
      return true;
    auto symbol = valueAt<uint32_t>(bytes, 0);
    auto count = valueAt<uint32_t>(bytes, 4);
    if (!count || *symbol >= symbols.size())
      return false;
    auto kernel = cubin.kernels.find(symbols[*symbol]);
    if (kernel != cubin.kernels.end())
      kernel->second.registers = *count;
    return true;
  });
}

} // namespace

uint64_t cubinBytes(std::span<const std::byte> image) {
  auto header = readHeader(image);
  if (!header)
    return 0;
  // Sections and program headers come in either order.
  uint64_t bytes = std::max(
      header->e_shoff + header->e_shnum * sizeof(Elf64_Shdr),
      header->e_phoff + uint64_t(header->e_phnum) * sizeof(Elf64_Phdr));
  for (uint64_t i = 0; i < header->e_shnum; ++i) {
    auto section = header->e_shoff > image.size()
                       ? std::nullopt
                       : valueAt<Elf64_Shdr>(image, header->e_shoff +
                                                        i * sizeof(Elf64_Shdr));
    if (section && section->sh_type != SHT_NOBITS)
      bytes = std::max(bytes, section->sh_offset + section->sh_size);
  }
  return bytes <= kMaxBytes ? bytes : 0;
}

Expected<Cubin> readCubin(std::span<const std::byte> image) {
  auto header = readHeader(image);
  if (!header)
    return header.takeError();
  auto sections = readSections(image, *header);
  if (!sections)
    return sections.takeError();

  Cubin cubin;
  cubin.needsCuda13 = header->e_ident[EI_ABIVERSION] >= 8;
  cubin.architecture =
      static_cast<int>(header->e_flags >> (cubin.needsCuda13 ? 8 : 0) & 0xff);
  auto symbols = readSymbols(*sections, cubin);
  if (!symbols)
    return symbols.takeError();

  constexpr std::string_view kInfo = ".nv.info.", kShared = ".nv.shared.";
  for (const Section &section : *sections) {
    if (section.name == ".nv.info") {
      if (Status status = readRegisters(section, *symbols, cubin); !status)
        return status.takeError();
    } else if (section.name.starts_with(kInfo)) {
      std::string name(section.name.substr(kInfo.size()));
      auto kernel = cubin.kernels.find(name);
      if (kernel == cubin.kernels.end())
        continue;
      if (Status status = readKernelInfo(section, name, kernel->second);
          !status)
        return status.takeError();
    } else if (section.name.starts_with(kShared)) {
      auto kernel =
          cubin.kernels.find(std::string(section.name.substr(kShared.size())));
      if (kernel == cubin.kernels.end())
        continue;
      uint64_t reserved =
          cubin.architecture >= int(kReservedSharedFrom) ? kReservedShared : 0;
      if (section.size < reserved || section.size > (256u << 10))
        return wrong("kernel " + kernel->first + " has " +
                     std::to_string(section.size) +
                     " bytes of static shared memory");
      kernel->second.staticShared =
          static_cast<uint32_t>(section.size - reserved);
    }
  }
  return cubin;
}

} // namespace mm1::emulated
