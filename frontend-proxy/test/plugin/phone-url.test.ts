import jsQR from 'jsqr'
import { expect, test } from 'vitest'
import { phoneLines } from '../../src/plugin/phone-url.ts'

const URL = 'https://192.168.178.123:5173/app/'
const WIDE = { columns: 80, isColoured: false }
const INDENT = '     '

/** Decodes the QR code in these lines of the terminal, as the camera of a phone does. */
function scan(lines: readonly string[], isDarkTerminal = true): string | undefined {
  const rows = lines.filter((line) => /[█▀▄]/.test(line)).map((line) => [...line.slice(5)])
  const scale = 4
  const [width, height] = [(rows[0]?.length ?? 0) * scale, rows.length * 2 * scale]
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sign = rows[Math.floor(y / scale / 2)]?.[Math.floor(x / scale)] ?? ' '
      const isInk = (Math.floor(y / scale) % 2 === 0 ? '█▀' : '█▄').includes(sign)
      pixels.fill(isInk === isDarkTerminal ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3)
    }
  }
  return jsQR(pixels, width, height)?.data
}

test('the QR code contains the URL, on a dark terminal and, inverted, on a light one', () => {
  const lines = phoneLines([URL], WIDE, undefined)
  expect(lines[0]).toBe(URL)
  expect(scan(lines)).toBe(URL)
  expect(scan(lines, false)).toBe(URL)
})

test('with colours the QR code is black on white in every theme, and each line resets its colours', () => {
  const plain = phoneLines([URL], WIDE, undefined).filter((line) => /[█▀▄]/.test(line))
  const coloured = phoneLines([URL], { ...WIDE, isColoured: true }, undefined)
  const expected = plain.map(
    (row) => `${INDENT}\u001b[38;5;231m\u001b[48;5;16m${row.slice(5)}\u001b[0m`,
  )
  expect(coloured.slice(-plain.length, -1)).toEqual(expected.slice(0, -1))
  expect(coloured.at(-1)).toBe(expected.at(-1)?.replace('\u001b[48;5;16m', ''))
})

test('the best address is shown', () => {
  const lines = phoneLines(['https://169.254.1.1:5173/', URL], WIDE, undefined)
  expect(lines[0]).toBe(URL)
})

test('an address that a phone may not reach gets a remark', () => {
  const [first] = phoneLines(['https://100.64.0.9:5173/'], WIDE, undefined)
  expect(first).toBe('https://100.64.0.9:5173/ (VPN address: a phone may not reach it)')
})

test('without a terminal only the URL is printed', () => {
  expect(phoneLines([URL], { columns: undefined, isColoured: false }, undefined)).toEqual([URL])
})

test('a terminal that is too narrow shows the width that it needs instead of the QR code', () => {
  const width = phoneLines([URL], WIDE, undefined).at(-1)?.length ?? 0
  expect(scan(phoneLines([URL], { ...WIDE, columns: width }, undefined))).toBe(URL)
  const lines = phoneLines([URL], { ...WIDE, columns: width - 1 }, undefined)
  expect(lines).toEqual([URL, `${INDENT}(the terminal needs ${width} columns to show the QR code)`])
})

test('for a certificate of our own, the lines explain what the phone will ask', () => {
  const lines = phoneLines([URL], WIDE, '/@signaling/authority.crt')
  expect(lines.slice(-2)).toEqual([
    `${INDENT}The phone warns about the certificate: tap "Advanced", then "Proceed".`,
    `${INDENT}iPhones connect only after you install it from /@signaling/authority.crt.`,
  ])
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  expect(phoneLines([URL], WIDE, undefined).join('\n')).not.toMatch(/certificate/)
})

test('without a network one sentence is printed', () => {
  expect(phoneLines([], WIDE, undefined)).toEqual([
    'none, because Vite does not listen on the network (see server.host)',
  ])
  for (const host of ['app.localhost', '127.0.0.2']) {
    expect(phoneLines([`http://${host}:5173/`], WIDE, undefined)[0]).toMatch(/^none, because/)
  }
  expect(phoneLines([], WIDE, undefined, true)).toEqual([
    'none, because this machine is in no network (when it is, restart Vite)',
  ])
})
