#include "capture/target/unwind_check.h"

#include "base/mem.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <string.h>

enum { TABLE_ENCODING = DW_EH_PE_datarel | DW_EH_PE_sdata4, HEAD_BYTES = 12 };

/* ---- instructions --------------------------------------------------------------------------------------------------
 */

struct rules {
    const uint8_t *at, *end;
    size_t remembered;
};

static bool take_uleb(struct rules *rules, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; rules->at < rules->end; shift += 7) {
        uint8_t byte = *rules->at++;
        if (shift < 64)
            *value |= (uint64_t)(byte & 127) << shift;
        if (shift >= 63 && (byte & 127) > 1)
            *value = UINT64_MAX; /* libdw may see less */
        if ((byte & 128) == 0)
            return true;
    }
    return false;
}

static bool skip(struct rules *rules, uint64_t bytes)
{
    if (bytes > (uint64_t)(rules->end - rules->at))
        return false;
    rules->at += bytes;
    return true;
}

/* What stands behind an instruction: (r)egister, (n)umber, (b)lock, 1, 2, 4 or 8 bytes. NULL: it is none that we know,
 * or libdw. */
static const char *operands_of(uint8_t instruction)
{
    switch (instruction & 0xc0) {
    case DW_CFA_advance_loc:
    case DW_CFA_restore:
        return "";
    case DW_CFA_offset:
        return "n";
    default:
        break;
    }
    static const char *const operands[64] = {
        [DW_CFA_nop] = "",
        [DW_CFA_advance_loc1] = "1",
        [DW_CFA_advance_loc2] = "2",
        [DW_CFA_advance_loc4] = "4",
        [DW_CFA_offset_extended] = "rn",
        [DW_CFA_restore_extended] = "r",
        [DW_CFA_undefined] = "r",
        [DW_CFA_same_value] = "r",
        [DW_CFA_register] = "rr",
        [DW_CFA_remember_state] = "",
        [DW_CFA_restore_state] = "",
        [DW_CFA_def_cfa] = "rn",
        [DW_CFA_def_cfa_register] = "r",
        [DW_CFA_def_cfa_offset] = "n",
        [DW_CFA_def_cfa_expression] = "b",
        [DW_CFA_expression] = "rb",
        [DW_CFA_offset_extended_sf] = "rn",
        [DW_CFA_def_cfa_sf] = "rn",
        [DW_CFA_def_cfa_offset_sf] = "n",
        [DW_CFA_val_offset] = "rn",
        [DW_CFA_val_offset_sf] = "rn",
        [DW_CFA_val_expression] = "rb",
        [DW_CFA_MIPS_advance_loc8] = "8",
        [DW_CFA_GNU_window_save] = "",
        [DW_CFA_GNU_args_size] = "n",
        [DW_CFA_GNU_negative_offset_extended] = "rn",
    };
    return operands[instruction];
}

enum outcome { GOES_ON, ENDS, TOO_LARGE };

static enum outcome take_operand(struct rules *rules, char kind)
{
    uint64_t value;
    if (kind >= '0' && kind <= '9')
        return skip(rules, (uint64_t)(kind - '0')) ? GOES_ON : ENDS;
    if (!take_uleb(rules, &value))
        return ENDS;
    if (kind == 'r' && value >= UNWIND_REGISTER_MOST)
        return TOO_LARGE;
    return kind != 'b' || skip(rules, value) ? GOES_ON : ENDS;
}

bool unwind_rules_bounded(const uint8_t *at, size_t size)
{
    struct rules rules = {at, at + size, 0};
    while (rules.at < rules.end) {
        uint8_t instruction = *rules.at++;
        const char *operands = operands_of(instruction);
        if (operands == NULL) /* set_loc is one whose length another table tells: no compiler writes it */
            return instruction != DW_CFA_set_loc;
        if (instruction == DW_CFA_remember_state && ++rules.remembered > UNWIND_REMEMBERED_MOST)
            return false;
        if (instruction == DW_CFA_restore_state && rules.remembered > 0)
            rules.remembered--;
        for (; *operands != '\0'; operands++) {
            enum outcome outcome = take_operand(&rules, *operands);
            if (outcome != GOES_ON)
                return outcome == ENDS;
        }
    }
    return true;
}

/* ---- entries -------------------------------------------------------------------------------------------------------
 */

/* How many bytes of an entry say of which code it is, by what its common entry says of their encoding. */
static bool place_bytes(const Dwarf_CIE *common, size_t *bytes)
{
    static const uint8_t sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0,
                                      8, 0, 2, 4, 8, 0, 0, 0}; /* by the low bits of DW_EH_PE_* */
    struct rules data = {common->augmentation_data, common->augmentation_data, 0};
    uint8_t encoding = DW_EH_PE_absptr;
    const char *letter = common->augmentation;
    if (*letter != '\0' && *letter++ != 'z')
        return false;
    if (data.at != NULL)
        data.end += common->augmentation_data_size;
    for (; *letter != '\0'; letter++) {
        uint8_t byte = 0;
        switch (*letter) {
        case 'R':
        case 'L':
        case 'P':
            if (data.at == NULL || data.at >= data.end)
                return false;
            byte = *data.at++;
            break;
        case 'S':
        case 'B':
            break;
        default:
            return false;
        }
        encoding = *letter == 'R' ? byte : encoding;
        if (*letter == 'P' && (sizes[byte & 15] == 0 || !skip(&data, sizes[byte & 15])))
            return false;
    }
    *bytes = 2 * (size_t)sizes[encoding & 15];
    return *bytes > 0 && encoding < 0x80;
}

struct section {
    const unsigned char *ident;
    Elf_Data *data;
    uint64_t address;
    /* bits for each byte: a common entry begins there, or another */
    uint8_t *common, *other;
    Dwarf_Off last_at; /* of the common entry that was looked at last */
    size_t last_bytes;
};

static bool is_set(const uint8_t *bits, size_t size, uint64_t at)
{
    return at < size && (bits[at / 8] >> at % 8 & 1) != 0;
}

static void set(uint8_t *bits, uint64_t at)
{
    bits[at / 8] |= (uint8_t)(1u << at % 8);
}

static bool check_common(struct section *section, Dwarf_Off at, const Dwarf_CIE *common)
{
    const uint8_t *from = common->initial_instructions, *to = common->initial_instructions_end;
    set(section->common, at);
    section->last_at = at;
    return from <= to && place_bytes(common, &section->last_bytes) && unwind_rules_bounded(from, (size_t)(to - from));
}

static bool check_other(struct section *section, Dwarf_Off at, const Dwarf_FDE *other)
{
    Dwarf_CFI_Entry entry;
    Dwarf_Off next;
    struct rules rules = {other->start, other->end, 0};
    uint64_t size;
    if (!is_set(section->common, section->data->d_size, other->CIE_pointer) ||
        dwarf_next_cfi(section->ident, section->data, true, other->CIE_pointer, &next, &entry) != 0)
        return false;
    if (section->last_at != other->CIE_pointer && !place_bytes(&entry.cie, &section->last_bytes))
        return false;
    section->last_at = other->CIE_pointer;
    set(section->other, at);
    if (other->start > other->end || !skip(&rules, section->last_bytes))
        return false;
    if (entry.cie.augmentation[0] == 'z' && (!take_uleb(&rules, &size) || !skip(&rules, size)))
        return false;
    return unwind_rules_bounded(rules.at, (size_t)(rules.end - rules.at));
}

static bool check_entries(struct section *section)
{
    Dwarf_CFI_Entry entry;
    Dwarf_Off next = 0;
    section->last_at = (Dwarf_Off)-1;
    for (Dwarf_Off at = 0; at < section->data->d_size; at = next) {
        int rc = dwarf_next_cfi(section->ident, section->data, true, at, &next, &entry);
        if (rc != 0)
            return rc > 0; /* the last */
        if (next <= at ||
            !(dwarf_cfi_cie_p(&entry) ? check_common(section, at, &entry.cie) : check_other(section, at, &entry.fde)))
            return false;
    }
    return true;
}

/* The table that .eh_frame_hdr has of the entries leads to those that were looked at. */
static bool check_head(const struct section *section, const Elf_Data *head, uint64_t address)
{
    static const uint8_t usual[] = {1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, TABLE_ENCODING};
    const uint8_t *bytes = head->d_buf;
    uint32_t count;
    if (bytes == NULL || head->d_size < HEAD_BYTES) /* it has no bytes in the file: libdw finds none either */
        return head->d_size == 0;
    if (memcmp(bytes, usual, sizeof usual) != 0)
        return false;
    memcpy(&count, bytes + 8, sizeof count);
    if (count > (head->d_size - HEAD_BYTES) / 8)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        int32_t place;
        memcpy(&place, bytes + HEAD_BYTES + (size_t)i * 8 + 4, sizeof place);
        if (!is_set(section->other, section->data->d_size, address + (uint64_t)(int64_t)place - section->address))
            return false;
    }
    return true;
}

/* ---- files ---------------------------------------------------------------------------------------------------------
 */

/* How many sections have that name; the first and its header. */
static int find_section(Elf *elf, const char *wanted, Elf_Scn **found, GElf_Shdr *header)
{
    size_t names;
    int count = 0;
    *found = NULL;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return 0;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr one;
        const char *name = gelf_getshdr(section, &one) ? elf_strptr(elf, names, one.sh_name) : NULL;
        if (name == NULL || strcmp(name, wanted) != 0)
            continue;
        if (count++ == 0) {
            *found = section;
            *header = one;
        }
    }
    return count;
}

bool unwind_tables_bounded(Elf *elf)
{
    GElf_Shdr header;
    struct section section = {.ident = (const unsigned char *)elf_getident(elf, NULL)};
    Elf_Scn *found;
    int tables = find_section(elf, ".eh_frame", &found, &header); /* of two, libdw may take the other */
    section.data = tables == 1 && section.ident != NULL ? elf_rawdata(found, NULL) : NULL;
    if (section.data == NULL || section.data->d_buf == NULL)
        return false;
    section.address = header.sh_addr;
    section.common = mem_zalloc(section.data->d_size / 8 + 1, 1);
    section.other = mem_zalloc(section.data->d_size / 8 + 1, 1);
    bool good = section.common != NULL && section.other != NULL && check_entries(&section);
    int heads = good ? find_section(elf, ".eh_frame_hdr", &found, &header) : 0;
    good = good && heads <= 1;
    if (heads == 1) {
        const Elf_Data *head = elf_rawdata(found, NULL);
        good = head == NULL || check_head(&section, head, header.sh_addr);
    }
    mem_free(section.common);
    mem_free(section.other);
    return good;
}
