// SPDX-License-Identifier: GPL-2.0-only
/*
 * include/linux/firmware.h, Documentation/driver-api/firmware. tests/through_c.rs puts there: "small.bin", the six
 * bytes "abcdef"; "large.bin", 100000 bytes, the nth of which is n % 251; "empty.bin".
 */
#include <linux/completion.h>
#include <linux/firmware.h>
#include <linux/platform_device.h>
#include <linux/vmalloc.h>
#include "ktap.h"

static struct platform_device *owner;
static DECLARE_COMPLETION(loaded);
static const struct firmware *later;
static int calls;

static void the_owner_is_there(void)
{
	owner = platform_device_register_simple("firmware-owner", -1, NULL, 0);
	expect(!IS_ERR(owner));
}

static void a_file_is_read_whole(void)
{
	const struct firmware *fw;
	size_t i;

	if (expect_eq(request_firmware(&fw, "small.bin", &owner->dev), 0)) {
		expect_eq(fw->size, 6);
		expect(!memcmp(fw->data, "abcdef", 6));
		release_firmware(fw);
	}
	if (!expect_eq(request_firmware_direct(&fw, "large.bin", &owner->dev), 0))
		return;
	expect_eq(fw->size, 100000);
	for (i = 0; i < fw->size && fw->data[i] == i % 251; i++)
		;
	expect_eq(i, 100000);
	release_firmware(fw);
	release_firmware(NULL);
}

static void what_is_not_there_is_an_error(void)
{
	const struct firmware *fw = (void *)1;

	expect_eq(request_firmware(&fw, "absent.bin", &owner->dev), -ENOENT);
	expect(!fw);
	expect_eq(firmware_request_nowarn(&fw, "absent.bin", &owner->dev), -ENOENT);
	expect_eq(request_firmware(&fw, "", &owner->dev), -EINVAL);
	expect_eq(request_firmware(&fw, NULL, &owner->dev), -EINVAL);
	expect_eq(request_firmware(NULL, "small.bin", &owner->dev), -EINVAL);
	/* A name cannot lead out of the directory. */
	expect_eq(request_firmware(&fw, "../small.bin", &owner->dev), -EINVAL);
	expect_eq(request_firmware(&fw, "x/../../small.bin", &owner->dev), -EINVAL);
}

static void a_file_goes_into_the_caller_s_memory(void)
{
	const struct firmware *fw;
	u8 to[8];

	memset(to, 0xee, sizeof(to));
	if (expect_eq(request_firmware_into_buf(&fw, "small.bin", &owner->dev, to, 8), 0)) {
		expect_eq(fw->size, 6);
		expect(fw->data == to);
		expect(!memcmp(to, "abcdef\xee\xee", 8));
		release_firmware(fw);
	}
	expect(request_firmware_into_buf(&fw, "small.bin", &owner->dev, to, 3) < 0);
	if (expect_eq(request_partial_firmware_into_buf(&fw, "small.bin", &owner->dev,
							to, 3, 2), 0)) {
		expect_eq(fw->size, 3);
		expect(!memcmp(to, "cde", 3));
		release_firmware(fw);
	}
	expect(request_partial_firmware_into_buf(&fw, "small.bin", &owner->dev,
						 to, 3, 7) < 0);
}

static void on_loaded(const struct firmware *fw, void *context)
{
	calls++;
	later = fw;
	expect(context == &calls);
	complete(&loaded);
}

static void a_file_can_come_later(void)
{
	calls = 0;
	expect_eq(request_firmware_nowait(THIS_MODULE, true, "small.bin",
					  &owner->dev, GFP_KERNEL, &calls,
					  on_loaded), 0);
	/* The caller goes on before the callback runs. */
	expect_eq(calls, 0);
	wait_for_completion(&loaded);
	if (expect(later))
		expect_eq(later->size, 6);
	release_firmware(later);
	expect_eq(firmware_request_nowait_nowarn(THIS_MODULE, "absent.bin",
						 &owner->dev, GFP_KERNEL,
						 &calls, on_loaded), 0);
	wait_for_completion(&loaded);
	expect(!later);
	expect_eq(calls, 2);
}

static void a_hint_is_taken(void)
{
	expect_eq(firmware_request_cache(&owner->dev, "small.bin"), 0);
	platform_device_unregister(owner);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(the_owner_is_there),
	KTAP_CASE(a_file_is_read_whole),
	KTAP_CASE(what_is_not_there_is_an_error),
	KTAP_CASE(a_file_goes_into_the_caller_s_memory),
	KTAP_CASE(a_file_can_come_later),
	KTAP_CASE(a_hint_is_taken),
};
KTAP_MODULE(cases);
